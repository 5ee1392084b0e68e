// ---- Singular values of one matrix, beside what chance has. ----

/** singularPanel draws the singular values of one matrix for all variants. */
function singularPanel(root) {
  const quantities = data.quantities.map((_, q) => q).filter((q) => isSingular(q) && !/_random/.test(data.quantities[q].name) && [...packs.keys()].some((k) => k.startsWith(q + "|")));
  if (!quantities.length) { root.append(make("p", {}, "This page holds no singular values; spectra.csv does.")); return; }
  const state = { q: quantities[0], m: 0, l: 0, head: WHOLE, log: true, off: new Set() };
  const controls = make("div", { class: "controls" }), picture = make("div"), legend = make("div"), note = make("p", { class: "note" });
  const layerSlider = blockSlider(0, (l) => { state.l = l; update(); });
  root.append(controls, make("div", { class: "controls" }, layerSlider), legend, picture, note, saveButtons(() => fileName(data.quantities[state.q].name, layerText(state.l)), rows, () => picture.firstChild));

  const has = (v, m = state.m) => data.layers.some((_, l) => packs.has(key(state.q, v, m, l)));
  const MOST = 12; // lines that can be told apart
  const variants = () => { const all = data.variants.map((_, v) => v).filter((v) => has(v)); return all.length <= MOST ? all : all.filter((v) => data.finals.includes(v) || v === 0).slice(0, MOST); };
  const values = (v) => spectraOf(state.q, v, state.m, state.l).get(state.head);

  function setup() {
    const modules = data.modules.map((_, m) => m).filter((m) => data.variants.some((_, v) => has(v, m)));
    if (!modules.includes(state.m)) state.m = modules[0];
    const heads = [...new Set(variants().flatMap((v) => data.layers.flatMap((_, l) => (packs.get(key(state.q, v, state.m, l)) || []).flatMap((p) => p.heads))))].sort((a, b) => a - b);
    if (!heads.includes(state.head)) state.head = heads[0];
    const set = (f) => (x) => { f(x); setup(); update(); };
    const log = make("input", { type: "checkbox", checked: state.log, change: () => { state.log = log.checked; update(); } });
    controls.replaceChildren(...[
      choice("Quantity", quantities.map((q) => [q, data.quantities[q].name]), state.q, set((q) => { state.q = q; })),
      modules.length > 1 ? choice("Module", modules.map((m) => [m, data.modules[m]]), state.m, set((m) => { state.m = m; })) : null,
      heads.length > 1 ? choice("Head", heads.map((h) => [h, h === WHOLE ? "whole" : "head " + h]), state.head, set((h) => { state.head = h; })) : null,
      make("label", { class: "check" }, log, "log scale"),
    ].filter(Boolean));
  }

  /** chance is the random reference: of updates the draws, of v_proj the law. */
  function chance(v) {
    const name = data.quantities[state.q].name, of = (suffix) => { const q = quantityAt.get(name + suffix); return q == null ? null : spectraOf(q, v, state.m, state.l).get(state.head)?.values; };
    const mean = of("_random");
    if (mean) {
      const level = (list) => list?.map(([, s]) => s), y = level(mean);
      return { name: `random of the shape and norm of ${data.variants[v]}`, class: "s0 d2", x: mean.map(([i]) => i + 1), y, lo: level(of("_random_lo")), hi: level(of("_random_hi")), dots: false, says: (i) => [make("b", {}, show(y[i])), ` random, order ${mean[i][0] + 1}`] };
    }
    const norm = norms.get(key(v, state.m))?.[state.l];
    if (name !== "v_sv" || !data.law || !known(norm)) return null;
    const x = data.law.values.map((_, i) => placeOf(i, data.law.kept, data.law.n) + 1), y = data.law.values.map((s) => s * norm);
    return { name: `law of Marchenko and Pastur at the norm of ${data.variants[v]}`, class: "s0 d2", x, y, dots: false, says: (i) => [make("b", {}, show(y[i])), ` the law, order ${x[i]}`] };
  }

  function series() {
    const out = variants().filter((v) => values(v)).map((v) => {
      const list = values(v).values;
      return { v, name: data.variants[v], class: variantClass(v), x: list.map(([i]) => i + 1), y: list.map(([, s]) => s), dots: list.length <= 64, says: (i) => [make("b", {}, show(list[i][1])), ` order ${list[i][0] + 1}`, make("br"), `${data.variants[v]}, ${layerText(state.l)}`] };
    });
    const of = out.findLast((s) => data.finals.includes(s.v)) || out[0], reference = of && chance(of.v);
    return reference ? [...out, reference] : out;
  }

  function update() {
    const list = series();
    picture.replaceChildren(xyChart({ W: roomIn(picture), label: `Singular values ${data.quantities[state.q].name}, ${layerText(state.l)}`, xLabel: `order (${data.modules[state.m]}, ${layerText(state.l)}${state.head === WHOLE ? "" : ", head " + state.head})`, whole: true, yLabel: "σ", logY: state.log, series: list }));
    legend.replaceChildren(legendOf(list.map((s) => ["line " + s.class, s.name])));
    const shown = list.find((s) => s.v != null), n = shown && values(shown.v).n;
    note.replaceChildren(...noteOf(state.q), shown && shown.x.length < n ? `Of ${n} values ${shown.x.length} are drawn; spectra.csv holds all. ` : "", list.length < data.variants.length && data.variants.length > MOST ? "Of a training the last checkpoint stands for all. " : "");
  }
  function rows() {
    const out = [["variant", "layer", "module", "head", "quantity", "order", "value"]];
    for (const s of series()) s.x.forEach((i, k) => out.push([s.v == null ? s.name : data.variants[s.v], data.layers[state.l], data.modules[state.m], state.head === WHOLE ? "" : state.head, data.quantities[state.q].name, i, Number(s.y[k].toPrecision(5))]));
    return out;
  }
  setup();
  update();
  return update;
}

panels.push(["singular-panel", singularPanel]);
