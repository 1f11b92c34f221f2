# One image for the worker (the default), the dashboard and every command:
#   docker run --rm -e DATABASE_URL -e QUEUE_URL auto-enroll node dist/scripts/verify.js
FROM node:24.11.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Nothing here runs scripts of dependencies; the package's own prepare script, which builds, is called by name below.
RUN npm ci --ignore-scripts
COPY . .
# Without --omit=optional the compiler would stay, as somebody's optional peer.
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24.11.1-bookworm-slim
# Node does not reap orphans or act on signals as process 1, so an init takes that place.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# What the operators' page shows beside its code.
COPY dashboard/assets ./dashboard/assets
COPY docs/runbook.md ./docs/runbook.md
# Inside a container loopback is the container's own, so the health and metrics would be out of reach.
ENV NODE_ENV=production WORKER_HTTP_HOST=0.0.0.0
# The image's user `node`, by number, so that Kubernetes can check runAsNonRoot.
USER 1000:1000
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.WORKER_HTTP_PORT || 9464}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]
CMD ["node", "dist/scripts/worker.js"]
