// The live page: the service's events, drawn. Each figure is one of the event's, by the name it has there.
// All text from the service is set as text, never as markup.

const KEPT = 120_000; // milliseconds of looks
const WINDOW = 10_000; // milliseconds that rates and waits are about
const STALE = 3_000; // milliseconds without an event after which the page says so

const CHOSEN = new URLSearchParams(location.search).get("process"); // of a service that has several
const QUERY = CHOSEN ? `?process=${encodeURIComponent(CHOSEN)}` : "";

const get = (id) => document.getElementById(id);
const looks = []; // {at, queues: Map(name -> record), longest, loop, routes}
let view = null;
let heard = 0;
let opened = null; // the stall that is shown

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const svg = (tag, attributes) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};
const say = (node, text) => node.textContent !== text && (node.textContent = text);

// Numbers in words.
const told = (value) => value !== null && value !== undefined && value !== "not observed";
const ms = (value) => {
  if (!told(value)) return "–";
  if (value >= 9_950) return `${(value / 1e3).toFixed(1)} s`;
  return value >= 99.5 ? `${value.toFixed(0)} ms` : value >= 9.95 ? `${value.toFixed(1)} ms` : `${value.toFixed(2)} ms`;
};
const seconds = (value) => {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 120) return `${value.toFixed(0)} s`;
  return value < 7200 ? `${Math.floor(value / 60)} min` : `${Math.floor(value / 3600)} h`;
};
const percent = (value) => (told(value) ? `${(value * 100).toFixed(0)} %` : "–");
const bytes = (value) => (told(value) ? `${(value / 2 ** 20).toFixed(0)} MB` : "–");
const count = (value) => (told(value) ? value.toLocaleString("en") : "–");
const words = (name) => name.replaceAll("_", " ");
const place = (one) => (one.file ? `${one.file}:${one.line} in ${one.function}` : "line not seen");

// What is shown of the state.
const showState = ({ state, age_s: age, figures, verdict }) => {
  const { state: is, for_s: since, cause, where, task, label, held_up_by: held } = state;
  document.body.dataset.state = is === "passing" && held ? "held" : is;
  const what = {
    passing: held === JOBS ? "Background jobs wait" : held ? `Requests are held up: ${cause}` : "The loop passes",
    blocked: `The loop has been blocked for ${seconds(since)}: ${cause ?? "looking for the cause"}`,
    stopped: `The process has been stopped for ${seconds(since)}`,
  };
  say(get("state"), what[is]);
  say(get("said"), `${is === "passing" && held ? cause : is}${cause && is !== "passing" ? `, ${cause}` : ""}`); // without seconds
  const by = [where && `at ${where}`, task && `task ${task}`, label && `working on ${label}`].filter(Boolean).join(", ");
  get("where").hidden = !by;
  say(get("where"), by);
  const old = age > 1.5 ? `The figures below are ${seconds(age)} old. ` : "";
  say(get("verdict"), old + (is === "passing" ? verdict?.verdict ?? "" : ""));
  if (!figures) return;
  say(get("service"), figures.service);
  say(get("runtime"), `· ${figures.health.runtime} · process ${figures.pid} · up ${seconds(figures.uptime_s)}`);
  document.title = `${is === "passing" ? (held ? "◐" : "●") : "■"} ${figures.service} live`;
};

// The processes of a service that has several: each leads to its own page.
const showProcesses = ({ processes, figures }) => {
  const text = JSON.stringify([processes, figures?.pid]);
  const node = get("processes");
  if (!processes || node.dataset.shown === text) return;
  node.dataset.shown = text;
  node.hidden = false;
  node.replaceChildren(
    ...processes.map(({ number, pid, state }) =>
      make("a", { href: `?process=${number}`, class: state, "aria-current": pid === figures?.pid ? "page" : null }, `process ${number}: ${state}`),
    ),
  );
};

// The row of queues.
const since = (milliseconds) => looks.find(({ at, whole }) => whole && at >= Date.now() - milliseconds);
const meanBetween = (before, now) => {
  if (!told(before) || !told(now) || now.count <= before.count) return null;
  return (now.count * now.mean - before.count * before.mean) / (now.count - before.count);
};
const showQueues = ({ state, figures }) => {
  const row = get("row");
  const queues = figures.health.queues.toSorted((one, other) => behind(one) - behind(other));
  const names = queues.map(({ name }) => name).join();
  if (row.dataset.names !== names) {
    row.dataset.names = names;
    row.replaceChildren(...queues.map(({ name }) => queueCard(name)));
  }
  const before = since(WINDOW);
  queues.forEach((queue, number) => {
    const card = row.children[number];
    const first = state.held_up_by === queue.name || (state.held_up_by === "loop" && queue.name === "run_queue");
    card.classList.toggle("first", first);
    say(card.querySelector(".mark"), first ? "▲ fills first" : "");
    const busy = told(queue.in_service) ? `${count(queue.in_service)}${told(queue.capacity) ? ` of ${count(queue.capacity)}` : ""}` : null;
    const waiting = told(queue.waiting) ? count(queue.waiting) : null;
    const [big, small] = busy !== null ? [busy, "in service"] : waiting !== null ? [waiting, "waiting"] : ["–", "not observed"];
    say(card.querySelector(".depth b"), big);
    say(card.querySelector(".depth small"), ` ${small}`);
    const bound = told(queue.max_waiting) ? ` of ${count(queue.max_waiting)}` : "";
    const wait = meanBetween(before?.queues.get(queue.name)?.wait_ms, queue.wait_ms);
    const service = meanBetween(before?.queues.get(queue.name)?.service_ms, queue.service_ms);
    const more = [
      busy !== null && waiting !== null ? `${waiting}${bound} waiting` : bound && `bound${bound}`,
      queue.name === "run_queue" ? `loop busy ${percent(figures.health.loop.utilization)}` : null,
      wait !== null ? `wait ${ms(wait)}` : null,
      service !== null ? `service ${ms(service)}` : null,
    ];
    say(card.querySelector(".more"), more.filter(Boolean).join(" · "));
    trend(card.querySelector("svg"), queue.name);
  });
};
const JOBS = "jobs";
const FRONT = ["accept_backlog", "run_queue", "admission"]; // met before all others
const behind = ({ name }) => (FRONT.includes(name) ? FRONT.indexOf(name) : FRONT.length + (name === JOBS)); // no request waits for jobs
const queueCard = (name) =>
  make(
    "li",
    {},
    make("h3", {}, words(name)),
    make("p", { class: "depth" }, make("b"), make("small")),
    make("p", { class: "more" }),
    spark(name),
    make("p", { class: "mark" }),
  );
const spark = (name) => {
  const drawing = svg("svg", { class: "spark", viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img" });
  drawing.dataset.queue = name;
  drawing.append(svg("path", { class: "fill" }), svg("path", {}));
  return drawing;
};
const trend = (drawing, name) => {
  const busyOf = (look) => (name === "run_queue" ? look.utilization : depth(look.queues.get(name)));
  const values = looks.map((look) => [look.at, busyOf(look)]).filter(([, value]) => told(value));
  const most = Math.max(name === "run_queue" ? 1 : 4, ...values.map(([, value]) => value));
  const now = Date.now();
  const points = values.map(([at, value]) => `${(100 - ((now - at) / KEPT) * 100).toFixed(2)} ${(100 - (value / most) * 100).toFixed(1)}`);
  const [fill, line] = drawing.children;
  line.setAttribute("d", points.length ? `M${points.join("L")}` : "");
  fill.setAttribute("d", points.length ? `M${points[0].split(" ")[0]} 100L${points.join("L")}L${points.at(-1).split(" ")[0]} 100Z` : "");
  const what = name === "run_queue" ? "loop utilization" : "callers in the queue and in service";
  drawing.setAttribute("aria-label", `${what} over two minutes, at most ${name === "run_queue" ? percent(most) : most}`);
};
const depth = (queue) => {
  if (!queue || (!told(queue.waiting) && !told(queue.in_service))) return null;
  return (told(queue.waiting) ? queue.waiting : 0) + (told(queue.in_service) ? queue.in_service : 0);
};

// The loop.
const showLoop = ({ figures, age_s: age }) => {
  const { recent, budget_ms: budget, stalls } = figures;
  define(get("loop"), [
    ["busy", percent(recent.utilization)],
    ["pass p50", ms(recent.p50_ms)],
    ["pass p99", ms(recent.p99_ms)],
    ["longest pass", ms(recent.max_ms)],
    ["delay p99", ms(recent.delay_p99_ms)],
    [`stalls over ${ms(budget)}`, count(stalls)],
    ...(recent.blind ? [["blind", recent.blind]] : []),
  ]);
  drawPasses(figures, budget, age);
  const rows = figures.last_stalls.map((stall) => [
    `${seconds(stall.ago_s + age)} ago`, ms(stall.duration_ms), stall.cause, place(stall), stall.task ?? "–", stall.label ?? "–",
  ]);
  table(get("stalls"), ["when", "duration", "cause", "where", "task", "route"], rows, [1], [4]);
};
const define = (list, pairs) => {
  if (list.children.length !== pairs.length) {
    list.replaceChildren(...pairs.map(() => make("div", {}, make("dt"), make("dd"))));
  }
  pairs.forEach(([name, value], number) => {
    say(list.children[number].firstChild, name);
    say(list.children[number].lastChild, value);
  });
};
const MACHINE = ["not running"]; // causes that no line of the program is to blame for
const LOW = 0.1; // milliseconds at the lower edge
const drawPasses = (figures, budget, age) => {
  const now = Date.now();
  const stalls = figures.last_stalls.map((one) => ({ ...one, at: now - (one.ago_s + age) * 1e3 })).filter(({ at }) => at > now - KEPT);
  const highest = Math.max(budget * 2, ...looks.map(({ longest }) => longest ?? 0), ...stalls.map(({ duration_ms: one }) => one));
  const top = 10 ** Math.ceil(Math.log10(highest * 1.2));
  const y = (value) => (Math.log10(Math.max(value, LOW) / LOW) / Math.log10(top / LOW)) * 100;
  const x = (at) => 100 - ((now - at) / KEPT) * 100;
  let plot = get("passes").firstChild;
  if (!plot) get("passes").append((plot = make("div", { class: "plot passes" })));
  const held = plot.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const drawing = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img" });
  drawing.setAttribute("aria-label", `Longest pass of the loop over two minutes, at most ${ms(highest)}; ${stalls.length} stalls`);
  const labels = [];
  for (let tick = LOW; tick <= top * 1.01; tick *= 10) {
    drawing.append(svg("line", { class: "grid", x1: 0, x2: 100, y1: 100 - y(tick), y2: 100 - y(tick) }));
    const label = make("span", { class: "y", "aria-hidden": "true" }, tick >= 1e3 ? `${tick / 1e3} s` : `${+tick.toPrecision(1)} ms`);
    label.style.bottom = `${y(tick)}%`;
    labels.push(label);
  }
  drawing.append(svg("line", { class: "budget", x1: 0, x2: 100, y1: 100 - y(budget), y2: 100 - y(budget) }));
  const points = looks.filter(({ longest }) => told(longest)).map(({ at, longest }) => `${x(at).toFixed(2)} ${(100 - y(longest)).toFixed(1)}`);
  drawing.append(svg("path", { d: points.length ? `M${points.join("L")}` : "" }));
  for (const [share, text, kind] of [[0, "2 min ago", "x start"], [50, "1 min", "x roomy"], [100, "now", "x end"]]) {
    const label = make("span", { class: kind, "aria-hidden": "true" }, text);
    label.style.left = `${share}%`;
    labels.push(label);
  }
  const marks = stalls.map((stall) => {
    const key = `${Math.round((stall.at - stall.duration_ms) / 500)}`;
    const name = `Stall of ${ms(stall.duration_ms)}, ${stall.cause}, ${place(stall)}`;
    const mine = MACHINE.includes(stall.cause) ? "machine" : null;
    const mark = make("button", { class: mine, type: "button", title: name, "aria-label": name, "aria-expanded": String(opened === key) });
    mark.dataset.key = key;
    mark.style.left = `${x(stall.at)}%`;
    mark.style.bottom = `${y(stall.duration_ms)}%`;
    mark.addEventListener("click", () => openStall(stall, key));
    return mark;
  });
  plot.replaceChildren(drawing, ...labels, ...marks);
  if (held) marks.find((mark) => mark.dataset.key === held)?.focus({ preventScroll: true });
};
const openStall = (stall, key) => {
  opened = opened === key ? null : key;
  const parts = [
    `${ms(stall.duration_ms)}: ${stall.cause}. `, make("code", {}, place(stall)),
    stall.task ? `, task ${stall.task}` : null, stall.label ? `, route ${stall.label}` : null,
  ];
  get("stall").replaceChildren(...(opened ? parts.filter(Boolean) : []));
  for (const mark of document.querySelectorAll(".plot button")) mark.setAttribute("aria-expanded", String(mark.dataset.key === opened));
};

// Tables.
const table = (node, head, rows, numbers = [], roomy = []) => {
  const kind = (column) => [numbers.includes(column) && "number", roomy.includes(column) && "roomy"].filter(Boolean).join(" ") || null;
  if (!node.tHead) {
    node.append(
      make("thead", {}, make("tr", {}, ...head.map((name, column) => make("th", { scope: "col", class: kind(column) }, name)))),
      make("tbody"),
    );
  }
  const body = node.tBodies[0];
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((row, number) => {
    const line = body.rows[number] ?? body.appendChild(make("tr", {}, ...row.map((_, column) => make("td", { class: kind(column) }))));
    row.forEach((value, column) => say(line.cells[column], value));
  });
};
const showRoutes = ({ figures }) => {
  const rows = figures.routes.filter(({ recent_ms: one }) => one.count).map(({ route, recent_ms: one }) => [
    route, count(one.count), ms(one.p50), ms(one.p90), ms(one.p99), ms(one.max),
  ]);
  table(get("routes"), ["route", "requests", "p50", "p90", "p99", "longest"], rows, [1, 2, 3, 4, 5], [3, 5]);
  get("routes").hidden = !rows.length;
};

// Workers, the process, the doctor.
const showWorkers = ({ figures }) => {
  const { pool, native_pool: _, nativePool: threads, process, usage } = figures.health;
  const chips = figures.workers.map(({ pool: of, pid, state }) => [`${words(of)}${pid ? ` ${pid}` : ""}: ${state}`, state]);
  const list = get("workers");
  if (list.children.length !== chips.length) list.replaceChildren(...chips.map(() => make("li")));
  chips.forEach(([text, state], number) => {
    list.children[number].className = state;
    say(list.children[number], text);
  });
  const before = since(WINDOW)?.usage;
  const cpu = (name) => {
    const took = before && usage ? usage.elapsed_s - before.elapsed_s : 0;
    return took > 0 && told(usage[name]) ? `${(((usage[name] - before[name]) / took)).toFixed(2)} cores` : "–";
  };
  define(get("process"), [
    ["threads busy", `${threads.busy} of ${threads.threads}`],
    ["workers busy", `${pool.busy} of ${pool.workers}`],
    ["worker restarts", count(pool.restarts)],
    ["CPU", cpu("cpu_s")],
    ["loop's thread", cpu("loop_cpu_s")],
    ["memory", `${bytes(process?.memory_bytes)}${told(process?.memory_limit_bytes) ? ` of ${bytes(process.memory_limit_bytes)}` : ""}`],
    ["descriptors", `${count(usage?.descriptors)}${told(usage?.max_descriptors) ? ` of ${count(usage.max_descriptors)}` : ""}`],
  ]);
};
const showDoctor = ({ verdict }) => {
  const node = get("findings");
  const text = JSON.stringify(verdict?.findings ?? null);
  if (node.dataset.shown === text) return;
  node.dataset.shown = text;
  if (!verdict) return node.replaceChildren(make("p", { class: "quiet" }, "Too few figures yet."));
  const found = verdict.findings.flatMap((one) => [
    make("h3", {}, words(one.id)), make("p", {}, `${one.because}.`), make("p", { class: "quiet" }, `What helps: ${one.fix.says}`),
  ]);
  return node.replaceChildren(...(found.length ? found : [make("p", {}, "No rule has anything to say.")]));
};

// Events.
const keep = ({ figures }) => {
  const { health } = figures;
  looks.push({
    at: Date.now(), queues: new Map(health.queues.map((queue) => [queue.name, queue])), longest: health.loop.max_ms,
    utilization: health.loop.utilization, usage: health.usage, whole: true,
  });
  while (looks.length && looks[0].at < Date.now() - KEPT) looks.shift();
};
const show = () => {
  showState(view);
  showProcesses(view);
  if (!view.figures) return;
  for (const part of [showQueues, showLoop, showRoutes, showWorkers, showDoctor]) part(view);
};
const events = new EventSource(`events${QUERY}`);
events.addEventListener("error", () => {
  if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), STALE); // no process serves yet
});
events.addEventListener("message", ({ data }) => {
  const next = JSON.parse(data);
  const isNew = next.figures && next.figures.uptime_s !== view?.figures?.uptime_s;
  view = next;
  heard = Date.now();
  if (isNew) keep(view);
  show();
});
// A run of experiments: one server after the other.
let run = null;
events.addEventListener("run", ({ data }) => {
  const next = JSON.parse(data);
  heard = Date.now();
  if (run && next.server !== run.server) {
    looks.length = 0;
    view = null;
    if (next.server) fill();
  }
  run = next;
  const [experiment, ...more] = [run.experiment || "The run begins", run.where, run.load].filter(Boolean);
  get("run").hidden = false;
  get("run").replaceChildren(make("b", {}, experiment), more.join(" · "));
  if (view) return;
  document.body.dataset.state = "none";
  say(get("state"), run.server ? "Waiting for the first figures…" : "No server of the run can be seen now");
  say(get("verdict"), "");
});
setInterval(() => {
  if (!heard || Date.now() - heard < STALE) return;
  document.body.dataset.state = "lost";
  say(get("state"), `The process beside the service has not answered for ${seconds((Date.now() - heard) / 1e3)}`);
}, 1_000);

const fill = async () => {
  const reply = await fetch(`history${QUERY}`);
  if (!reply.ok) return; // of a run, between two servers
  const { seconds: moments, queues, passes_ms: passes } = await reply.json();
  const now = Date.now();
  const older = moments.map((moment, number) => ({
    at: now - (moments.at(-1) - moment) * 1e3, longest: passes[number], usage: null, utilization: null,
    queues: new Map(queues.map((one) => [one.name, { waiting: one.waiting[number], in_service: one.in_service[number] }])),
  }));
  looks.unshift(...older.filter(({ at }) => !looks.length || at < looks[0].at));
};
fill();

// A load of the lab's own, if this is a lab.
const offer = async () => {
  const { token, loads, clients, seconds: length } = await (await fetch("loads")).json();
  if (!token) return;
  get("load").hidden = false;
  say(get("dose"), `${clients} clients for ${length} s`);
  const start = async (path) => {
    const reply = await fetch("load", { method: "POST", headers: { "X-Token": token }, body: path });
    say(get("loading"), `${path}: ${(await reply.text()).trim().toLowerCase()}`);
  };
  get("loads").replaceChildren(
    ...Object.entries(loads).map(([path, about]) => {
      const button = make("button", { type: "button" }, make("code", {}, path), make("small", {}, about));
      button.addEventListener("click", () => start(path));
      return button;
    }),
  );
};
offer();
