// ---- Data: what the page draws from, as payload.go, simulation.go and spectrapayload.go write it. ----

const data = JSON.parse(document.getElementById("data").textContent);
const key = (...parts) => parts.join("|");

/** panels are the parts of the page that draw themselves: [id of their element, function]. */
const panels = [];

/** seriesClass gives variant i its colour and dash, as seriesClass in palette.go does. */
const seriesClass = (i) => (i === 0 ? "s0" : `s${1 + ((i - 1) % 6)} d${Math.floor((i - 1) / 6) % 4}`);

// ---- Elements. Text is always set as text, never parsed as markup. ----

/** make creates an element; attributes that are functions become listeners. */
function make(name, attributes = {}, ...children) {
  return dress(document.createElement(name), attributes, children);
}

/** draw is make for SVG. */
function draw(name, attributes = {}, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function dress(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((c) => c != null));
  return node;
}

/** choice is a labelled select; options are [value, text], and change gets the number chosen. */
function choice(label, options, selected, change) {
  const select = make("select", { change: () => change(Number(select.value)) },
    ...options.map(([value, text]) => make("option", { value, selected: value === selected }, text)));
  return make("label", {}, label, select);
}

/** segments is a row of exclusive choices, as radio buttons are. */
function segments(label, options, selected, change) {
  const name = "g" + ++segments.count;
  return make("fieldset", {}, make("legend", {}, label),
    make("div", { class: "segments" }, ...options.map(([value, text]) =>
      make("label", {}, make("input", { type: "radio", name, checked: value === selected, change: () => change(value) }), make("span", {}, text)))));
}
segments.count = 0;

/** slider chooses one of n places, named by nameOf; it is how a keyboard reaches them all. */
function slider(label, n, nameOf, selected, change) {
  const input = make("input", { type: "range", min: 0, max: n - 1, step: 1, "aria-label": label,
    input: () => { tell(); change(Number(input.value)); } });
  const name = make("span");
  const tell = () => { name.textContent = nameOf(Number(input.value)); input.setAttribute("aria-valuetext", name.textContent); };
  const node = make("label", { class: "grow" }, name, input);
  node.set = (i) => { input.value = i; tell(); };
  node.at = () => Number(input.value);
  node.set(selected);
  return node;
}

/** player is a slider with a button that plays it from the first place to the last. */
function player(label, n, nameOf, selected, change) {
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
  const track = slider(label, n, nameOf, selected, (k) => { stop(); change(k); });
  const go = (k) => { track.set(k); change(k); };
  const begin = () => {
    if (track.at() >= n - 1) go(0);
    play.textContent = "Pause";
    timer = setInterval(() => (track.at() >= n - 1 ? stop() : go(track.at() + 1)), Math.max(30, Math.min(400, 8000 / n)));
  };
  const play = make("button", { type: "button", click: () => (timer ? stop() : begin()) }, "Play");
  return make("div", { class: "moviebar" }, play, track);
}

// ---- Numbers. ----

/** show writes a number to three significant digits, whole numbers in full, what rounding left of 0 as 0. */
function show(v) {
  if (v == null) return "-";
  if (Number.isInteger(v) && Math.abs(v) < 1e15) return String(v);
  const m = Math.abs(v);
  if (m < 1e-12) return "0";
  return m >= 1e5 || m < 1e-4 ? v.toExponential(2) : v.toFixed(Math.max(0, 2 - Math.floor(Math.log10(m))));
}

/** domain is the range of an axis that shows lo to hi, as domain in svg.go has it. */
function domain(lo, hi) {
  const air = lo === hi ? Math.max(Math.abs(lo) * 0.1, 0.1) : (hi - lo) * 0.05;
  if (lo !== hi && lo >= 0) return [lo < 0.4 * hi ? 0 : Math.max(0, lo - air), hi + air];
  return [lo - air, hi + air];
}

/** niceStep is the smallest of 1, 2, 5 times a power of ten not below raw. */
function niceStep(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  return ([1, 2, 5].find((m) => m * power >= raw * (1 - 1e-9)) || 10) * power;
}

/** ticks returns the round values between lo and hi, about n of them. */
function ticks(lo, hi, n) {
  const step = niceStep((hi - lo) / n), out = [];
  for (let k = Math.ceil(lo / step - 1e-9); k <= Math.floor(hi / step + 1e-9); k++) out.push(Number((k * step).toPrecision(12)));
  return out;
}

/** powers returns the powers of ten whose range holds lo and hi. */
function powers(lo, hi) {
  const out = [];
  for (let k = Math.floor(Math.log10(lo)); k <= Math.ceil(Math.log10(hi)); k++) out.push(10 ** k);
  return out.length > 1 ? out : [out[0], out[0] * 10];
}

/** roomIn is the width of a chart in an element: that of the element, within reason. */
const roomIn = (node) => Math.max(340, Math.min(980, node.clientWidth || 980));

/** sentence begins with a capital and ends with a full stop. */
const sentence = (s) => (s ? s[0].toUpperCase() + s.slice(1).replace(/\.?$/, ". ") : "");

/** linear maps d0..d1 to p0..p1. */
const linear = (d0, d1, p0, p1) => (v) => (d0 === d1 ? (p0 + p1) / 2 : p0 + ((v - d0) / (d1 - d0)) * (p1 - p0));

const clip = (s, n) => (s.length > n ? s.slice(0, n - 1) + "\u2026" : s);

const px = (v) => String(Math.round(v * 100) / 100);

// ---- Saving, with no network: the file is made here. ----

/** save offers text as a file. */
function save(name, type, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** saveSVG offers a chart of the page as a file with its own colours. */
function saveSVG(name, chart) {
  const copy = chart.cloneNode(true);
  copy.querySelectorAll("[data-ui]").forEach((n) => n.remove());
  const [, , w, h] = copy.getAttribute("viewBox").split(" ");
  copy.setAttribute("width", w);
  copy.setAttribute("height", h);
  copy.prepend(draw("style", {}, data.figureCSS), draw("rect", { class: "paper", width: w, height: h }));
  save(name, "image/svg+xml", new XMLSerializer().serializeToString(copy));
}

/** saveCSV offers rows as CSV. */
function saveCSV(name, rows) {
  const field = (v) => (v == null ? "" : /[",\r\n]/.test(v) ? `"${String(v).replaceAll('"', '""')}"` : v);
  save(name, "text/csv", rows.map((r) => r.map(field).join(",")).join("\n") + "\n");
}

/** saveButtons stands below every chart. */
function saveButtons(name, rows, chart) {
  return make("div", { class: "save" },
    make("button", { type: "button", class: "quiet", click: () => saveCSV(name() + ".csv", rows()) }, "data (CSV)"),
    make("button", { type: "button", class: "quiet", click: () => saveSVG(name() + ".svg", chart()) }, "SVG"));
}

/** fileName keeps what is safe in a file's name. */
const fileName = (...words) => words.join("-").replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 100);

// ---- The tip: what is under the pointer, or at the keyboard's layer. ----

const tip = document.getElementById("tip");

/** showTip puts nodes beside a point of the window. */
function showTip(x, y, ...nodes) {
  tip.replaceChildren(...nodes);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, x + 16 + width > innerWidth ? x - width - 16 : x + 16) + "px";
  tip.style.top = Math.max(4, Math.min(y + 12, innerHeight - height - 8)) + "px";
}

function hideTip() { tip.hidden = true; }

/** swatch is a short stroke in a variant's colour. */
const swatch = (variant) => draw("svg", { class: "chart", viewBox: "0 0 26 10", "aria-hidden": "true" },
  draw("path", { class: "line " + seriesClass(variant), d: "M1 5H25" }));
