// ---- Overlaps of subspaces: adapter by adapter, or layer by layer. ----

/** overlapPanel draws phi of all pairs in one matrix. */
function overlapPanel(root) {
  const ADAPTERS = 0, LAYERS = 1;
  const groups = (data.overlaps || []).map(([layers, m, right, whole, of, random, list]) => ({ layers, m, right, whole, of, random, list }));
  if (!groups.length) { root.append(make("p", {}, "This page holds no overlaps; overlaps.csv does.")); return; }
  const kinds = [...new Set(groups.map((g) => g.layers))].sort();
  const state = { layers: kinds[0], m: groups[0].m, right: groups[0].right, whole: groups.some((g) => g.whole) ? 1 : 0, l: 0, v: 0 };
  const controls = make("div", { class: "controls" }), picture = make("div"), note = make("p", { class: "note" });
  root.append(controls, picture, note, saveButtons(() => fileName("overlap", data.modules[state.m]), rows, () => picture.firstChild));

  const matching = (over = {}) => { const s = { ...state, ...over }; return groups.filter((g) => g.layers === s.layers && g.m === s.m && g.right === s.right && g.whole === s.whole); };
  const unique = (list) => [...new Set(list)].sort((a, b) => a - b);
  const place = () => (state.layers === LAYERS ? state.v : data.layers[state.l]);

  function setup() {
    const of = groups.filter((g) => g.layers === state.layers), modules = unique(of.map((g) => g.m));
    if (!modules.includes(state.m)) state.m = modules[0];
    if (!matching().length) state.whole = 1 - state.whole;
    if (!matching().length) state.right = 1 - state.right;
    const places = unique(matching().map((g) => g.of));
    if (state.layers === ADAPTERS && !places.includes(data.layers[state.l])) state.l = Math.max(0, data.layers.indexOf(places[0]));
    if (state.layers === LAYERS && !places.includes(state.v)) state.v = places[0];
    const set = (f) => (v) => { f(v); setup(); update(); };
    const names = { 0: "left (outputs)", 1: "right (inputs)" };
    controls.replaceChildren(...[
      kinds.length > 1 ? segments("Between", [[ADAPTERS, "adapters"], [LAYERS, "layers"]], state.layers, set((v) => { state.layers = v; })) : null,
      modules.length > 1 ? choice("Module", modules.map((m) => [m, data.modules[m]]), state.m, set((m) => { state.m = m; })) : null,
      segments("Side", [0, 1].filter((r) => of.some((g) => g.right === r && g.m === state.m)).map((r) => [r, names[r]]), state.right, set((r) => { state.right = r; })),
      segments("Compared", [0, 1].filter((x) => of.some((g) => g.whole === x && g.m === state.m)).map((x) => [x, x ? "whole subspaces" : "leading directions"]), state.whole, set((x) => { state.whole = x; })),
      state.layers === LAYERS && places.length > 1 ? choice("Adapter", places.map((v) => [v, data.variants[v]]), state.v, set((v) => { state.v = v; })) : null,
      state.layers === ADAPTERS && data.layers.length > 1 ? blockSlider(state.l, (l) => { state.l = l; update(); }) : null,
    ].filter(Boolean));
  }

  /** range writes the least and the largest of some numbers. */
  const range = (list) => [...new Set([Math.min(...list), Math.max(...list)].map(show))].join(" to ");

  /** matrix is the members compared and phi of each two. */
  function matrix() {
    const phi = new Map(), chance = new Map();
    for (const g of matching().filter((g) => g.of === place())) {
      for (let i = 0; i < g.list.length; i += 3) {
        for (const k of [key(g.list[i], g.list[i + 1]), key(g.list[i + 1], g.list[i])]) { phi.set(k, g.list[i + 2]); chance.set(k, g.random); }
      }
    }
    const members = unique([...phi.keys()].map((k) => Number(k.split("|")[0])));
    return { members, phi: (a, b) => (a === b ? 1 : phi.get(key(a, b))), chance: (a, b) => chance.get(key(a, b)) };
  }
  const nameOf = (x) => (state.layers === LAYERS ? String(x) : data.variants[x]);

  function update() {
    const { members, phi, chance } = matrix();
    if (!members.length) { picture.replaceChildren(make("p", { class: "note" }, "Nothing is compared here: an update that is zero has no subspace.")); note.replaceChildren(); return; }
    const short = members.map((x) => (state.layers === LAYERS ? String(x) : shortName(x)));
    picture.replaceChildren(gridChart({ W: roomIn(picture), label: "Overlap of subspaces", rows: members.map(nameOf), columns: short, unit: "φ", range: [0, 1],
      columnLabel: state.layers === LAYERS ? "layer" : "", rowLabel: state.layers === LAYERS ? "layer" : "",
      value: (i, j) => phi(members[i], members[j]),
      says: (i, j) => (i === j ? [`${nameOf(members[i])}: itself`] : [make("b", {}, `φ = ${show(phi(members[i], members[j]))}`), make("br"), `${nameOf(members[i])} and ${nameOf(members[j])}`, make("br"), `random subspaces: ${show(chance(members[i], members[j]))}`]) }));
    const all = members.flatMap((a, i) => members.slice(i + 1).map((b) => [phi(a, b), chance(a, b)])).filter(([v]) => known(v));
    note.replaceChildren(make("code", {}, "φ"), " = |U_A' U_B|² / min(rank) (Hu et al. 2021, section 7.2): 1 where one space holds the other. ",
      `Random subspaces of these ranks have ${range(all.map(([, c]) => c))} in the mean; here φ is ${range(all.map(([v]) => v))}. The principal angles are in overlaps.csv.`);
  }
  function rows() {
    const { members, phi, chance } = matrix(), out = [["a", "b", "module", "side", "compared", state.layers === LAYERS ? "adapter" : "layer", "phi", "random"]];
    members.forEach((a, i) => members.slice(i + 1).forEach((b) => known(phi(a, b)) && out.push([nameOf(a), nameOf(b), data.modules[state.m], state.right ? "right" : "left", state.whole ? "whole" : "leading", state.layers === LAYERS ? data.variants[state.v] : place(), phi(a, b), chance(a, b)])));
    return out;
  }
  setup();
  update();
  return update;
}

panels.push(["overlap-panel", overlapPanel]);
