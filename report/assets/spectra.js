// ---- The data of spectra, as spectrapayload.go writes it. ----

const WHOLE = -1; // the head of what belongs to a whole matrix
const QUANTA = 32767; // of a packed coordinate, as in spectracodec.go

const quantityAt = new Map(data.quantities.map((q, i) => [q.name, i]));
/** Leading values over the layers by quantity, variant and module; norms of V by variant and module. */
const grids = new Map(data.grids.map(([q, v, m, values]) => [key(q, v, m), values]));
const norms = new Map((data.norms || []).map(([v, m, values]) => [key(v, m), values]));
/** Leading values of heads by quantity, variant, module and layer: {heads, values}. */
const headRows = new Map((data.heads || []).map(([q, v, m, l, heads, values]) => [key(q, v, m, l), { heads, values }]));
/** Short lists by quantity, variant, module and layer: {values, index}. */
const sweeps = new Map((data.sweeps || []).map(([q, v, m, l, values, index]) => [key(q, v, m, l), { values, index }]));
/** Packed spectra by quantity, variant, module and layer. */
const packs = new Map();
for (const [q, v, m, l, heads, n, kept, a, b, text] of data.lists || []) {
  const k = key(q, v, m, l);
  if (!packs.has(k)) packs.set(k, []);
  packs.get(k).push({ q, heads, n, kept, a, b, text });
}

const isEigen = (q) => data.quantities[q].name.endsWith("_eig");
const isSingular = (q) => /_sv($|_|@)/.test(data.quantities[q].name);
const variantClass = (v) => seriesClass(data.colors[v]);
const layerText = (l) => (data.layers[l] < 0 ? "outside the blocks" : `layer ${data.layers[l]}`);
const layerTick = (l) => (data.layers[l] < 0 ? "none" : String(data.layers[l]));
const blockSlider = (selected, change) => slider("layer", data.layers.length, (l) => sentence(layerText(l)).trim().slice(0, -1), selected, change);
const named = (list) => list.map((text, i) => [i, text]);

/** shortName leaves of a checkpoint's name the training and the step, or the step where there is one training. */
const shortName = (v) => {
  const k = data.families.length === 1 ? data.families[0].variants.indexOf(v) : -1;
  return k < 0 ? data.variants[v].replace("@checkpoint-", "@") : "@" + data.families[0].steps[k];
};

/** placeOf is the i-th of kept places among n, as place in spectracodec.go. */
function placeOf(i, kept, n) {
  const h = kept >> 1;
  return i < h || kept === h ? i : h + Math.floor(((i - h) * (n - h)) / (kept - h));
}

/** spectraOf unpacks the spectra of a layer: a Map from head to {n, values}, values [index, re, im] for singular values, [re, im] for eigenvalues. */
function spectraOf(q, v, m, l) {
  const out = new Map();
  for (const pack of packs.get(key(q, v, m, l)) || []) {
    pack.out ||= unpack(pack);
    for (const [head, spectrum] of pack.out) out.set(head, spectrum);
  }
  return out;
}

function unpack({ q, heads, n, kept, a, b, text }) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), view = new DataView(bytes.buffer);
  let at = 0;
  const out = new Map();
  const coordinate = () => { const v = (view.getInt16(at, true) / QUANTA) * a; at += 2; return v; };
  const modulus = () => {
    const w = view.getUint16(at, true);
    at += 2;
    return w === 0 ? 0 : a * Math.exp(((w - 1) / 65534) * Math.log(b / a));
  };
  heads.forEach((head, k) => {
    const values = [];
    for (let i = 0; i < kept[k]; i++) {
      if (!isEigen(q)) { values.push([placeOf(i, kept[k], n[k]), modulus()]); continue; }
      const re = coordinate(), im = coordinate();
      values.push([re, im]);
      if (b === 1 && im !== 0) values.push([re, -im]);
    }
    out.set(head, { n: n[k], values });
  });
  return out;
}

/** modulesWith lists the modules of which a variant, or any, has a quantity of whole matrices. */
const modulesWith = (q, v) => data.modules.map((_, m) => m).filter((m) => (v == null ? data.variants.map((_, u) => u) : [v]).some((u) => grids.has(key(q, u, m))));

/** broadest is the first variant with a quantity of the most modules. */
const broadest = (q, variants) => variants.map((v) => [modulesWith(q, v).length, v]).sort(([a], [b]) => b - a)[0]?.[1];

/** known is whether a value can be shown. */
const known = (v) => v != null && Number.isFinite(v);

/** noteOf is what a quantity is, as a paragraph. */
function noteOf(q, ...more) {
  const d = data.quantities[q];
  return [make("code", {}, d.name), ": ", sentence(d.formula), sentence(d.note), ...more];
}

/** arrows calls move with the step of an arrow key: [right, down]. */
function arrows(svg, move) {
  svg.addEventListener("keydown", (e) => {
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[e.key];
    if (!step) return;
    e.preventDefault();
    move(...step);
  });
  svg.addEventListener("blur", hideTip);
  svg.addEventListener("pointerleave", hideTip);
}

/** inChart is the pointer in user units of a chart. */
function inChart(svg, e) {
  const box = svg.getBoundingClientRect(), { width, height } = svg.viewBox.baseVal;
  return [((e.clientX - box.left) / box.width) * width, ((e.clientY - box.top) / box.height) * height];
}

/** inWindow is a point of a chart in the window. */
function inWindow(svg, x, y) {
  const box = svg.getBoundingClientRect(), { width, height } = svg.viewBox.baseVal;
  return [box.left + (x / width) * box.width, box.top + (y / height) * box.height];
}
