// ---- Heat maps: rows and columns of values, the darker the larger. ----

/** gridShade is the class of a value between lo and hi, as gridShade in gridchart.go. */
function gridShade(v, lo, hi, log) {
  if (!known(v) || (log && v <= 0)) return "";
  if (log) [v, lo, hi] = [v, lo, hi].map(Math.log);
  return hi <= lo ? "q5" : "q" + Math.max(1, Math.min(9, 1 + Math.floor((9 * (v - lo)) / (hi - lo))));
}

/**
 * gridChart draws a heat map of {rows, columns, value(i, j), says(i, j)}; range
 * fixes the shades, choose(i, j) is called for a click, chosen is a column marked.
 */
function gridChart({ W, label, rows, columns, value, says, rowLabel = "", columnLabel = "", unit, log = false, range = null, choose = null, chosen = null }) {
  const values = rows.flatMap((_, i) => columns.map((_, j) => value(i, j))).filter((v) => known(v) && (!log || v > 0));
  let [lo, hi] = range || [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
  if (!values.length) [lo, hi] = [0, 1];
  else if (!range && !log && lo >= 0 && lo < hi / 2) lo = 0;
  const wide = Math.min(W < 500 ? 16 : 28, Math.max(...rows.map((r) => r.length))), left = (rowLabel ? 26 : 10) + 6.4 * wide, top = 8;
  const cw = (W - left - 12) / columns.length, ch = Math.max(5, Math.min(30, cw * 2.2, 520 / rows.length)), bottom = top + ch * rows.length, H = bottom + 84;
  const svg = draw("svg", { class: "chart", viewBox: `0 0 ${W} ${px(H)}`, role: "img", tabindex: 0, "aria-label": label + ". Use the arrow keys to read the cells." });
  const cells = {};
  rows.forEach((_, i) => columns.forEach((_, j) => {
    const c = gridShade(value(i, j), lo, hi, log);
    if (c) cells[c] = (cells[c] || "") + `M${px(left + j * cw)} ${px(top + i * ch)}h${px(cw)}v${px(ch)}h${px(-cw)}z`;
  }));
  svg.append(draw("rect", { class: "paper", x: px(left), y: top, width: px(cw * columns.length), height: px(ch * rows.length) }),
    ...Object.entries(cells).map(([c, d]) => draw("path", { class: c, d })));
  const each = Math.max(1, Math.ceil(14 / ch)), most = Math.min(14, Math.max(...columns.map((c) => c.length))), step = Math.max(1, niceStep((7 * most + 4) / cw));
  rows.forEach((r, i) => i % each === 0 && svg.append(draw("text", { class: "tick", x: px(left - 6), y: px(top + (i + 0.5) * ch + 4), "text-anchor": "end" }, clip(r, wide))));
  columns.forEach((c, j) => j % step === 0 && svg.append(draw("text", { class: "tick", x: px(left + (j + 0.5) * cw), y: px(bottom + 16), "text-anchor": "middle" }, clip(c, 14))));
  svg.append(draw("text", { class: "label", x: px(left + (cw * columns.length) / 2), y: px(bottom + 36), "text-anchor": "middle" }, columnLabel));
  if (rowLabel) svg.append(draw("text", { class: "label", transform: `translate(12 ${px((top + bottom) / 2)}) rotate(-90)`, "text-anchor": "middle" }, rowLabel));
  gridKey(svg, W, left, bottom + 54, unit, lo, hi, log);
  if (chosen != null && chosen >= 0) svg.append(draw("rect", { class: "mark", "data-ui": "", x: px(left + chosen * cw), y: top, width: px(cw), height: px(ch * rows.length) }));
  gridPick(svg, { left, top, cw, ch, rows, columns, says, choose });
  return svg;
}

function gridKey(svg, W, left, y, unit, lo, hi, log) {
  let x = W < 560 ? 8 : left;
  const text = (s) => { svg.append(draw("text", { class: "tick", x: px(x), y: px(y + 11) }, s)); x += 6.3 * s.length + 8; };
  text(`${clip(unit, 40)}: ${show(lo)}`);
  for (let k = 1; k <= 9; k++) { svg.append(draw("path", { class: "q" + k, d: `M${px(x)} ${px(y)}h14v12h-14z` })); x += 14; }
  x += 6;
  text(show(hi) + (log ? " (log)" : ""));
}

/** gridPick tells about the cell under the pointer or of the arrow keys. */
function gridPick(svg, { left, top, cw, ch, rows, columns, says, choose }) {
  const frame = draw("rect", { class: "mark", "data-ui": "", width: px(cw), height: px(ch), visibility: "hidden" });
  svg.append(frame);
  let at = null;
  const tell = (i, j) => {
    at = [i, j];
    frame.setAttribute("x", px(left + j * cw));
    frame.setAttribute("y", px(top + i * ch));
    frame.setAttribute("visibility", "visible");
    showTip(...inWindow(svg, left + (j + 1) * cw, top + (i + 1) * ch), ...says(i, j));
  };
  const cell = (e) => {
    const [x, y] = inChart(svg, e), i = Math.floor((y - top) / ch), j = Math.floor((x - left) / cw);
    return i >= 0 && i < rows.length && j >= 0 && j < columns.length ? [i, j] : null;
  };
  const leave = () => { frame.setAttribute("visibility", "hidden"); hideTip(); };
  svg.addEventListener("pointermove", (e) => { const c = cell(e); c ? tell(...c) : leave(); });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("click", (e) => { const c = cell(e); if (c && choose) choose(...c); });
  arrows(svg, (right, down) => tell(...(at ? [Math.max(0, Math.min(rows.length - 1, at[0] + down)), Math.max(0, Math.min(columns.length - 1, at[1] + right))] : [0, 0])));
  svg.addEventListener("keydown", (e) => { if ((e.key === "Enter" || e.key === " ") && at && choose) { e.preventDefault(); choose(...at); } });
}

/** wide says whether only a logarithm tells values apart, as wide in gridchart.go. */
function wide(values) {
  const shown = values.filter(known), lo = shown.reduce((a, b) => Math.min(a, b), Infinity);
  return lo > 0 && shown.reduce((a, b) => Math.max(a, b), 0) / lo > 50;
}

/** mapPanel draws a leading value over layers, by module or by variant. */
function mapPanel(root) {
  const MODULES = 0, VARIANTS = 1;
  const quantities = [...new Set([...grids].filter(([, values]) => values.filter(known).length).map(([k]) => Number(k.split("|")[0])))]
    .filter((q) => !/_random/.test(data.quantities[q].name)).sort((a, b) => a - b);
  if (!quantities.length) { root.append(make("p", {}, "This page holds no values of whole matrices; spectra.csv does.")); return; }
  const preferred = ["relative_norm", "delta_norm", "lora_sv", "v_radius"].map((n) => quantityAt.get(n)).find((q) => quantities.includes(q));
  const state = { q: preferred ?? quantities[0], v: 0, m: 0, by: MODULES, log: false };
  const controls = make("div", { class: "controls" }), picture = make("div"), note = make("p", { class: "note" });
  root.append(controls, picture, note, saveButtons(() => fileName(data.quantities[state.q].name), rows, () => picture.firstChild));

  const variants = () => data.variants.map((_, v) => v).filter((v) => data.modules.some((_, m) => grids.has(key(state.q, v, m))));
  const title = (q) => data.quantities[q].name + (isSingular(q) ? " (largest)" : isEigen(q) ? " (largest modulus)" : "");
  function setup(first) {
    const list = variants(), modules = modulesWith(state.q);
    if (first) state.by = modules.length === 1 && list.length > 1 ? VARIANTS : MODULES;
    if (!list.includes(state.v)) state.v = broadest(state.q, list.filter((v) => data.finals.includes(v))) ?? list[0];
    if (!modules.includes(state.m)) state.m = modules[0];
    const set = (f) => (value) => { f(value); setup(); update(); };
    if (!state.asked) state.log = wide(cells().flatMap((c) => data.layers.map((_, l) => value(c, l))));
    const log = make("input", { type: "checkbox", checked: state.log, change: () => { state.log = log.checked; state.asked = true; update(); } });
    controls.replaceChildren(...[
      choice("Quantity", quantities.map((q) => [q, title(q)]), state.q, set((q) => { state.q = q; })),
      list.length > 1 ? segments("Rows", [[MODULES, "modules"], [VARIANTS, "variants"]], state.by, set((by) => { state.by = by; })) : null,
      state.by === MODULES && list.length > 1 ? choice("Variant", list.map((v) => [v, data.variants[v]]), state.v, set((v) => { state.v = v; })) : null,
      state.by === VARIANTS && modules.length > 1 ? choice("Module", modules.map((m) => [m, data.modules[m]]), state.m, set((m) => { state.m = m; })) : null,
      make("label", { class: "check" }, log, "log scale"),
    ].filter(Boolean));
  }
  /** cells are the rows shown, as [variant, module]. */
  const cells = () => (state.by === MODULES ? modulesWith(state.q, state.v).map((m) => [state.v, m]) : variants().filter((v) => grids.has(key(state.q, v, state.m))).map((v) => [v, state.m]));
  const value = ([v, m], l) => grids.get(key(state.q, v, m))?.[l];

  function update() {
    const list = cells();
    picture.replaceChildren(gridChart({
      W: roomIn(picture), label: `${title(state.q)} over layers`, rows: list.map(([v, m]) => (state.by === MODULES ? data.modules[m] : shortName(v))),
      columns: data.layers.map((_, l) => layerTick(l)), columnLabel: "layer", unit: title(state.q), log: state.log, value: (i, l) => value(list[i], l),
      says: (i, l) => [make("b", {}, show(value(list[i], l))), ` ${data.quantities[state.q].name}`, make("br"), `${data.variants[list[i][0]]}, ${data.modules[list[i][1]]}, ${layerText(l)}`],
    }));
    note.replaceChildren(...noteOf(state.q));
  }
  function rows() {
    const out = [["variant", "layer", "module", "quantity", "value"]];
    for (const c of cells()) data.layers.forEach((layer, l) => known(value(c, l)) && out.push([data.variants[c[0]], layer < 0 ? "" : layer, data.modules[c[1]], data.quantities[state.q].name, value(c, l)]));
    return out;
  }
  setup(true);
  update();
  return update;
}

/** headsPanel draws a leading value of every head, layer by head. */
function headsPanel(root) {
  const quantities = [...new Set([...headRows.keys()].map((k) => Number(k.split("|")[0])))].sort((a, b) => a - b);
  if (!quantities.length) { root.append(make("p", {}, "This page holds no values of heads; spectra.csv does.")); return; }
  const preferred = ["ov_radius", "qk_rank"].map((n) => quantityAt.get(n)).find((q) => quantities.includes(q));
  const state = { q: preferred ?? quantities[0], v: 0, m: 0, log: false };
  const controls = make("div", { class: "controls" }), picture = make("div"), note = make("p", { class: "note" });
  root.append(controls, picture, note, saveButtons(() => fileName("heads", data.quantities[state.q].name), rows, () => picture.firstChild));
  const has = (v, m = state.m) => data.layers.some((_, l) => headRows.has(key(state.q, v, m, l)));
  const value = (h, l, v = state.v) => { const row = headRows.get(key(state.q, v, state.m, l)), i = row ? row.heads.indexOf(h) : -1; return i >= 0 ? row.values[i] : null; };
  const heads = () => [...new Set(data.layers.flatMap((_, l) => headRows.get(key(state.q, state.v, state.m, l))?.heads || []))].sort((a, b) => a - b);
  function setup() {
    const modules = data.modules.map((_, m) => m).filter((m) => data.variants.some((_, v) => has(v, m)));
    if (!modules.includes(state.m)) state.m = modules[0];
    const list = data.variants.map((_, v) => v).filter((v) => has(v));
    if (!list.includes(state.v)) state.v = list[0];
    const set = (f) => (v) => { f(v); setup(); update(); };
    if (!state.asked) state.log = wide(heads().flatMap((h) => data.layers.map((_, l) => value(h, l))));
    const log = make("input", { type: "checkbox", checked: state.log, change: () => { state.log = log.checked; state.asked = true; update(); } });
    controls.replaceChildren(...[
      choice("Quantity", quantities.map((q) => [q, data.quantities[q].name]), state.q, set((q) => { state.q = q; })),
      list.length > 1 ? choice("Variant", list.map((v) => [v, data.variants[v]]), state.v, set((v) => { state.v = v; })) : null,
      make("label", { class: "check" }, log, "log scale"),
    ].filter(Boolean));
  }
  function update() {
    const list = heads();
    picture.replaceChildren(gridChart({
      W: roomIn(picture), label: data.quantities[state.q].name + " of each head", rows: list.map(String), columns: data.layers.map((_, l) => layerTick(l)),
      rowLabel: "head", columnLabel: "layer", unit: data.quantities[state.q].name, log: state.log, value: (i, l) => value(list[i], l),
      says: (i, l) => [make("b", {}, show(value(list[i], l))), ` ${data.quantities[state.q].name}`, make("br"), `head ${list[i]}, ${layerText(l)}, ${data.variants[state.v]}`,
        ...(state.v > 0 && known(value(list[i], l, 0)) ? [make("br"), `${data.variants[0]}: ${show(value(list[i], l, 0))}`] : [])],
    }));
    note.replaceChildren(...noteOf(state.q));
  }
  function rows() {
    const out = [["variant", "layer", "module", "head", "quantity", "value"]];
    for (const h of heads()) data.layers.forEach((layer, l) => known(value(h, l)) && out.push([data.variants[state.v], layer, data.modules[state.m], h, data.quantities[state.q].name, value(h, l)]));
    return out;
  }
  setup();
  update();
  return update;
}

panels.push(["map-panel", mapPanel], ["heads-panel", headsPanel]);
