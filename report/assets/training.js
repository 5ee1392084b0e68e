// ---- The update over training: eigenvalues and singular values by checkpoint. ----

/** modulesOf lists the modules that a training changes. */
const modulesOf = (family) => data.modules.map((_, m) => m).filter((m) => family.variants.some((v) => grids.has(key(quantityAt.get("lora_sv"), v, m))));

/** trainingPanel plays the checkpoints of one training. */
function trainingPanel(root) {
  const SV = quantityAt.get("lora_sv"), EIG = quantityAt.get("lora_eig");
  if (SV == null || !data.families.some((f) => modulesOf(f).length)) { root.append(make("p", {}, "There is no series of checkpoints here.")); return; }
  const state = { f: data.families.findIndex((f) => modulesOf(f).length), m: -1, l: 0, k: 0 };
  const controls = make("div", { class: "controls" }), bar = make("div"), side = make("div", { class: "side" }), history = make("div"), note = make("p", { class: "note" });
  const plane = make("div"), profile = make("div");
  const layerSlider = blockSlider(0, (l) => { state.l = l; update(); });
  side.append(make("div", {}, make("h3", {}, "Eigenvalues of the update, all layers"), plane), make("div", {}, make("h3", {}, "σ₁ and |λ₁| over the layers"), profile));
  root.append(controls, bar, side, make("h3", {}, "One layer over the steps"), make("div", { class: "controls" }, layerSlider), history,
    legendOf([["line s1", "singular values σ"], ["line s2 d1", "moduli of eigenvalues |λ|"], ["points s6", "eigenvalues of the other layers"]]), note,
    saveButtons(() => fileName("training", layerText(state.l)), rows, () => history.firstChild));

  const family = () => data.families[state.f], variant = (k = state.k) => family().variants[k], step = (k = state.k) => family().steps[k];
  const values = (q, v, l) => (q == null ? [] : spectraOf(q, v, state.m, l).get(WHOLE)?.values || []);
  const sigmas = (k, l) => values(SV, variant(k), l).map(([, s]) => s);
  const lambdas = (k, l) => values(EIG, variant(k), l);
  const leading = (q, k, l) => grids.get(key(q, variant(k), state.m))?.[l];

  function setup() {
    state.k = family().steps.length - 1;
    const modules = modulesOf(family());
    if (!modules.includes(state.m)) state.m = modules.find((m) => EIG != null && grids.has(key(EIG, variant(), m))) ?? modules[0];
    const set = (f) => (v) => { f(v); setup(); update(); };
    controls.replaceChildren(...[
      data.families.length > 1 ? choice("Training", data.families.map((f, i) => [i, f.name || "checkpoints"]).filter(([i]) => modulesOf(data.families[i]).length), state.f, set((f) => { state.f = f; })) : null,
      modules.length > 1 ? choice("Module", modules.map((m) => [m, data.modules[m]]), state.m, set((m) => { state.m = m; })) : null,
    ].filter(Boolean));
    bar.replaceChildren(player("step", family().steps.length, (k) => `step ${step(k)}`, state.k, (k) => { state.k = k; update(); }));
  }

  let reaches = {};
  /** reach is the largest coordinate at any step, so that playing changes no scale. */
  function reach() {
    const k = key(state.f, state.m);
    reaches[k] ||= 1.06 * family().steps.reduce((most, _, s) => data.layers.reduce((m, _, l) => lambdas(s, l).reduce((n, [re, im]) => Math.max(n, Math.abs(re), Math.abs(im)), m), most), 1e-300);
    return reaches[k];
  }

  function update() {
    const square = EIG != null && data.layers.some((_, l) => lambdas(state.k, l).length);
    plane.replaceChildren(...(square ? [drawPlane(), saveButtons(() => fileName("eigenvalues-step", step()), planeRows, () => plane.firstChild)] : [make("p", { class: "note" }, "This module's update is not square: it has no eigenvalues.")]));
    profile.replaceChildren(drawProfile(), saveButtons(() => fileName("leading-step", step()), profileRows, () => profile.firstChild));
    history.replaceChildren(drawHistory());
    note.replaceChildren(...noteOf(SV), ...(EIG == null ? [] : noteOf(EIG)));
  }

  function drawPlane() {
    const W = Math.min(480, roomIn(plane)), left = 56, sideLength = W - left - 10, svg = draw("svg", { class: "chart", viewBox: `0 0 ${W} ${sideLength + 34}`, role: "img", tabindex: 0, "aria-label": `Eigenvalues of the update at step ${step()}. Use the arrow keys to read them.` });
    const { x, y } = planeOn(svg, left, 8, sideLength, reach(), null);
    const targets = [], cloud = (l) => lambdas(state.k, l).map(([re, im]) => { targets.push({ x: x(re), y: y(im), says: () => [make("b", {}, layerText(l)), make("br"), `${show(re)} ${im < 0 ? "-" : "+"} ${show(Math.abs(im))} i`, make("br"), `step ${step()}`] }); return [re, im]; });
    svg.append(draw("path", { class: "points s6", d: cloudPath(data.layers.flatMap((_, l) => (l === state.l ? [] : cloud(l))), x, y) }));
    const trail = family().steps.slice(0, state.k + 1).flatMap((_, k) => lambdas(k, state.l));
    svg.append(draw("path", { class: "points faint s2", d: cloudPath(trail, x, y) }), draw("path", { class: "points big s2", d: cloudPath(cloud(state.l), x, y) }));
    pick(svg, targets);
    return svg;
  }

  function drawProfile() {
    const x = data.layers, line = (q, cls, name) => ({ name, class: cls, x, y: x.map((_, l) => (q == null ? null : leading(q, state.k, l))), says: (l) => [make("b", {}, `${name} = ${show(leading(q, state.k, l))}`), make("br"), `${layerText(l)}, step ${step()}`] });
    const all = [SV, EIG].flatMap((q) => (q == null ? [] : family().steps.flatMap((_, k) => data.layers.map((_, l) => leading(q, k, l))))).filter((v) => known(v) && v > 0);
    return xyChart({ W: Math.min(480, roomIn(profile)), H: 400, label: `Leading values over the layers at step ${step()}`, xLabel: `layer (step ${step()})`, whole: true, yLabel: "σ₁, |λ₁|", logY: true, mark: data.layers[state.l],
      yRange: all.length ? [Math.min(...all) / 1.2, Math.max(...all) * 1.2] : null, series: [line(SV, "s1", "σ₁"), ...(EIG == null ? [] : [line(EIG, "s2 d1", "|λ₁|")])] });
  }

  function drawHistory() {
    const x = family().steps, ranks = Math.max(...x.map((_, k) => sigmas(k, state.l).length), 0), series = [];
    for (let i = 0; i < Math.min(ranks, 16); i++) {
      const y = x.map((_, k) => sigmas(k, state.l)[i] ?? null);
      series.push({ class: "s1", x, y, says: (k) => [make("b", {}, `σ${i + 1} = ${show(y[k])}`), make("br"), `step ${x[k]}, ${layerText(state.l)}`] });
    }
    for (let i = 0; i < Math.min(ranks, 16); i++) {
      const y = x.map((_, k) => { const z = lambdas(k, state.l).map(([re, im]) => Math.hypot(re, im)).sort((a, b) => b - a)[i]; return z ?? null; });
      series.push({ class: "s2 d1", x, y, says: (k) => [make("b", {}, `|λ${i + 1}| = ${show(y[k])}`), make("br"), `step ${x[k]}, ${layerText(state.l)}`] });
    }
    return xyChart({ W: roomIn(history), label: `Singular values and moduli of eigenvalues over the steps, ${layerText(state.l)}`, xLabel: `step (${data.modules[state.m]}, ${layerText(state.l)})`, yLabel: "σ, |λ|", logY: true, mark: step(), series });
  }

  function planeRows() {
    return [["step", "layer", "module", "re", "im"], ...data.layers.flatMap((layer, l) => lambdas(state.k, l).map(([re, im]) => [step(), layer, data.modules[state.m], Number(re.toPrecision(5)), Number(im.toPrecision(5))]))];
  }
  function profileRows() {
    return [["step", "layer", "module", "sigma1", "lambda1"], ...data.layers.map((layer, l) => [step(), layer, data.modules[state.m], leading(SV, state.k, l), EIG == null ? "" : leading(EIG, state.k, l)])];
  }
  function rows() {
    const out = [["step", "variant", "layer", "module", "quantity", "index", "re", "im"]];
    family().steps.forEach((s, k) => {
      const head = [s, data.variants[variant(k)], data.layers[state.l], data.modules[state.m]];
      sigmas(k, state.l).forEach((v, i) => out.push([...head, "lora_sv", i, Number(v.toPrecision(5)), 0]));
      lambdas(k, state.l).forEach(([re, im], i) => out.push([...head, "lora_eig", i, Number(re.toPrecision(5)), Number(im.toPrecision(5))]));
    });
    return out;
  }
  setup();
  update();
  return update;
}

panels.push(["training-panel", trainingPanel]);
