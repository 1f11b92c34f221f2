/** Light or dark as the system is, and one column on a phone. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --card: #fff; --line: #dfe2e8; --edge: #868e9c; --ink: #1b1f27; --soft: #5a6372; --accent: #2851c8; --on-accent: #fff;
  --good: #17683a; --good-ground: #e2f4e8; --bad: #a3211b; --bad-ground: #fde8e6; --wait: #7a4b00; --wait-ground: #fdf0d5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14161b; --card: #1d2027; --line: #333845; --edge: #737c8f; --ink: #e8eaf0; --soft: #a0a8b8; --accent: #8aa7ff; --on-accent: #10172e;
    --good: #8fdcaa; --good-ground: #17351f; --bad: #ffaaa2; --bad-ground: #43191a; --wait: #f4cd84; --wait-ground: #3b2c0d;
  }
}
* { box-sizing: border-box; margin: 0; }
[hidden] { display: none !important; }
body { background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; max-width: 66rem; margin: 0 auto; padding: 2rem 1rem 3rem; }
header { margin-bottom: 1.5rem; }
h1 { font-size: 1.6rem; letter-spacing: -0.02em; }
h1 small { color: var(--soft); font-weight: 400; }
h2 { font-size: 1.05rem; margin-bottom: 0.75rem; }
header p, .hint { color: var(--soft); }
.hint { font-size: 0.875rem; }
.after { white-space: nowrap; }
a { color: var(--accent); }
.columns { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
main, #live { display: grid; gap: 1rem; align-content: start; min-width: 0; }
@media (min-width: 48rem) { .columns { grid-template-columns: minmax(0, 22rem) minmax(0, 1fr); } }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; padding: 1.25rem; }
.field { margin-bottom: 0.9rem; }
label { display: block; font-size: 0.875rem; font-weight: 600; margin-bottom: 0.25rem; }
input, select, button { font: inherit; width: 100%; min-height: 2.75rem; padding: 0.5rem 0.75rem; border-radius: 0.5rem; border: 1px solid var(--edge); background: var(--card); color: inherit; }
input[aria-invalid] { border-color: var(--bad); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.error { display: block; color: var(--bad); font-size: 0.875rem; margin-top: 0.25rem; }
button { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; cursor: pointer; }
button.google, button.quiet { background: transparent; color: var(--ink); border-color: var(--edge); }
button.google + .hint { margin-top: 0.5rem; }
.notice { border-radius: 0.5rem; padding: 0.75rem 1rem; margin-bottom: 1rem; }
.notice.good { background: var(--good-ground); color: var(--good); }
.notice.bad { background: var(--bad-ground); color: var(--bad); }
.notice.wait { background: var(--wait-ground); color: var(--wait); }
ul { list-style: none; padding: 0; }
.status { display: flex; flex-wrap: wrap; gap: 0.75rem 1.5rem; align-items: center; padding-block: 1rem; }
.parts { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; }
.status form { display: flex; flex-wrap: wrap; gap: 0.5rem 0.75rem; align-items: center; }
.status button { width: auto; min-height: 2.25rem; padding: 0.25rem 0.75rem; }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; font-size: 0.875rem; }
.dot { display: inline-block; width: 0.6rem; height: 0.6rem; border-radius: 50%; margin-right: 0.4rem; background: var(--soft); }
.dot.good { background: var(--good); }
.dot.bad { background: var(--bad); }
.count { color: var(--soft); font-weight: 400; }
.users li { display: flex; gap: 0.75rem; padding: 0.65rem 0; border-top: 1px solid var(--line); }
.users li > div { min-width: 0; }
.who { overflow-wrap: anywhere; margin-bottom: 0.15rem; }
.email { color: var(--soft); font-size: 0.875rem; }
.avatar { flex: none; width: 2.25rem; height: 2.25rem; border-radius: 50%; display: grid; place-items: center; background: var(--ground); border: 1px solid var(--line); font-weight: 600; }
.chip { display: inline-block; font-size: 0.8125rem; line-height: 1.4; padding: 0.1rem 0.55rem; margin: 0.1rem 0; border-radius: 1rem; border: 1px solid var(--line); }
.chip.good { background: var(--good-ground); color: var(--good); border-color: transparent; }
.chip.waiting { background: var(--wait-ground); color: var(--wait); border-color: transparent; }
.chip.draft { color: var(--soft); border-style: dashed; }
.courses { border-top: 1px solid var(--line); padding-top: 0.75rem; color: var(--soft); font-size: 0.875rem; }
code { font: 0.9em ui-monospace, monospace; }
`
