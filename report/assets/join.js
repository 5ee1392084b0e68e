// ---- Weights against tokens, layer by layer. ----

/** joinPanel draws one join as a scatter; the table chooses it. */
function joinPanel(root) {
  const joins = (data.joins || []).map(([adapter, covariate, target, mask, [rho, p, shifts, max, holm], points]) => ({ adapter, covariate, target, mask, rho, p, shifts, max, holm, points }))
    .sort((a, b) => Math.abs(b.rho || 0) - Math.abs(a.rho || 0));
  if (!joins.length) { root.append(make("p", {}, "This page holds no joins; join.csv does, where a run was given.")); return; }
  const state = { at: 0, rest: true, adapter: -1, most: 40 };
  const adapters = [...new Set(joins.map((j) => j.adapter))];
  const picture = make("div"), title = make("p", { class: "numbers" }), table = make("div", { class: "scroll tall" }), note = make("p", { class: "note" });
  root.append(make("div", { class: "controls" },
    adapters.length > 1 ? choice("Adapter", [[-1, "every adapter"], ...named(adapters)], -1, (a) => { state.adapter = a; state.at = list()[0]; update(); }) : null,
    segments("Values", [[true, "ranks, trend removed"], [false, "as they are"]], true, (v) => { state.rest = v; update(); })),
  title, picture, table, note, saveButtons(() => fileName("join", joins[state.at].covariate, joins[state.at].target), rows, () => picture.firstChild));

  const list = () => joins.map((_, i) => i).filter((i) => state.adapter < 0 || joins[i].adapter === adapters[state.adapter]);

  function update() {
    const j = joins[state.at], x = j.points.map((p) => p[state.rest ? 3 : 1]), y = j.points.map((p) => p[state.rest ? 4 : 2]), ending = state.rest ? ", rank, trend removed" : "";
    title.replaceChildren(...[["adapter", j.adapter], ["mask", j.mask], ["Spearman's ρ", show(j.rho)], ["p", show(j.p)], ["p of the extreme", show(j.max)], ["p after Holm", show(j.holm)], ["shifts", j.shifts], ["layers", j.points.length]].map(([a, b]) => make("span", {}, a + " ", make("b", {}, String(b)))));
    picture.replaceChildren(xyChart({ W: roomIn(picture), label: `${j.covariate} against ${j.target}`, xLabel: j.covariate + ending, yLabel: j.target + ending,
      series: [{ class: "s1", x, y, line: false, says: (i) => [make("b", {}, "layer " + j.points[i][0]), make("br"), `${j.covariate}: ${show(j.points[i][1])}`, make("br"), `${j.target}: ${show(j.points[i][2])}`] }] }));
    const all = list();
    table.replaceChildren(make("table", { class: "chosen" }, make("thead", {}, make("tr", {}, ...["covariate", "target", "adapter", "mask", "ρ", "p", "p of the extreme"].map((t) => make("th", { scope: "col" }, t)))),
      make("tbody", {}, ...all.slice(0, 300).map((i) => make("tr", { "aria-selected": String(i === state.at), class: i === state.at ? "here" : null },
        make("td", {}, make("button", { type: "button", class: "plain", click: () => { state.at = i; update(); table.querySelector(".here button")?.focus(); } }, joins[i].covariate)),
        ...[joins[i].target, joins[i].adapter, joins[i].mask, show(joins[i].rho), show(joins[i].p), show(joins[i].max)].map((t) => make("td", {}, t)))))));
    note.replaceChildren("Each point is a layer. ρ is of what the trend over depth leaves of the ranks; p is two-sided, over all circular shifts of one series, so that it is at least one over the number of layers. ",
      all.length > 1 ? `There are ${all.length} pairs: the p of the extreme is corrected for all those of one adapter (the share of shifts at which the largest |ρ| of any reaches this one).` : "", all.length > 300 ? " The 300 closest are listed." : "");
  }
  function rows() {
    const j = joins[state.at];
    return [["adapter", "covariate", "target", "mask", "layer", "x", "y", "x_rest", "y_rest"], ...j.points.map((p) => [j.adapter, j.covariate, j.target, j.mask, ...p])];
  }
  update();
  return update;
}

panels.push(["join-panel", joinPanel]);
