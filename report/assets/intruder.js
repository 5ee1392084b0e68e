// ---- Intruder dimensions: a sweep over the threshold. ----

/** intruderPanel counts them at one threshold, layer by module. */
function intruderPanel(root) {
  const sides = [["intruders", "left (outputs)"], ["intruders_right", "right (inputs)"]].filter(([name]) => quantityAt.has(name));
  const variants = data.variants.map((_, v) => v).filter((v) => [...sweeps.keys()].some((k) => k.startsWith(`${quantityAt.get("intruders")}|${v}|`)));
  if (!sides.length || !variants.length || !data.thresholds?.length) { root.append(make("p", {}, "This page holds no intruder dimensions; spectra.csv does, where a base was given.")); return; }
  const half = data.thresholds.indexOf(0.5);
  const state = { side: 0, v: broadest(quantityAt.get("intruders"), variants.filter((v) => data.finals.includes(v))) ?? variants[0], t: Math.max(0, half) };
  const picture = make("div"), table = make("div", { class: "scroll" }), note = make("p", { class: "note" });
  root.append(make("div", { class: "controls" },
    variants.length > 1 ? choice("Adapter", variants.map((v) => [v, data.variants[v]]), state.v, (v) => { state.v = v; update(); }) : null,
    sides.length > 1 ? segments("Side", sides.map(([, text], i) => [i, text]), 0, (i) => { state.side = i; update(); }) : null,
    slider("threshold", data.thresholds.length, (t) => `Threshold: cosine below ${data.thresholds[t]}`, state.t, (t) => { state.t = t; update(); })),
  picture, table, note, saveButtons(() => fileName("intruders", data.variants[state.v]), rows, () => picture.firstChild));

  const q = () => quantityAt.get(sides[state.side][0]);
  const count = (m, l, t = state.t, v = state.v) => sweeps.get(key(q(), v, m, l))?.values[t];
  const modules = () => data.modules.map((_, m) => m).filter((m) => data.layers.some((_, l) => known(count(m, l))));
  const sum = (m, t, v = state.v) => data.layers.reduce((n, _, l) => n + (count(m, l, t, v) || 0), 0);

  function update() {
    const list = modules(), cosines = quantityAt.get(state.side ? "intruder_cosine_right" : "intruder_cosine");
    picture.replaceChildren(gridChart({ W: roomIn(picture), label: "Intruder dimensions by layer and module", rows: list.map((m) => data.modules[m]), columns: data.layers.map((_, l) => layerTick(l)), columnLabel: "layer", unit: "of 10 directions", range: [0, 10],
      value: (i, l) => count(list[i], l),
      says: (i, l) => {
        const c = sweeps.get(key(cosines, state.v, list[i], l))?.values;
        return [make("b", {}, `${show(count(list[i], l))} of 10`), ` at ${data.modules[list[i]]}, ${layerText(l)}`, ...(c ? [make("br"), "cosines: " + c.map(show).join(", ")] : [])];
      } }));
    const head = make("tr", {}, make("th", { scope: "col" }, "module"), ...data.thresholds.map((t) => make("th", { scope: "col" }, "below " + t)));
    const line = (name, of) => make("tr", {}, make("td", {}, name), ...data.thresholds.map((_, t) => make("td", { class: t === state.t ? "here" : null }, show(of(t)))));
    table.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...list.map((m) => line(data.modules[m], (t) => sum(m, t))), line("all", (t) => list.reduce((n, m) => n + sum(m, t), 0)))));
    note.replaceChildren(...noteOf(q()));
  }
  function rows() {
    const out = [["variant", "layer", "module", "side", "threshold", "intruders"]];
    for (const m of modules()) data.layers.forEach((layer, l) => data.thresholds.forEach((eps, t) => known(count(m, l, t)) && out.push([data.variants[state.v], layer, data.modules[m], state.side ? "right" : "left", eps, count(m, l, t)])));
    return out;
  }
  update();
  return update;
}

panels.push(["intruder-panel", intruderPanel]);
