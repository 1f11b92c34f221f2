# One image for the worker (the default), the dashboard and every command:
#   docker run --rm -e DATABASE_URL -e QUEUE_URL auto-enroll node dist/scripts/verify.js
FROM node:24.11.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts of dependencies run here. The package's own build runs below.
RUN npm ci --ignore-scripts
COPY . .
# Without --omit=optional the compiler would stay, as an optional peer of a dependency.
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24.11.1-bookworm-slim
# As process 1, Node would not reap orphans or act on signals, so an init process takes that place.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# Files that the operators' page serves.
COPY dashboard/assets ./dashboard/assets
COPY docs/runbook.md ./docs/runbook.md
# A container's loopback cannot be reached from outside, so health and metrics listen on all addresses.
ENV NODE_ENV=production WORKER_HTTP_HOST=0.0.0.0
# The image's user `node`, by number, so that Kubernetes can check runAsNonRoot.
USER 1000:1000
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.WORKER_HTTP_PORT || 9464}/healthz`).then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]
CMD ["node", "dist/scripts/worker.js"]
