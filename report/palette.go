package report

import (
	_ "embed"
	"fmt"
	"strings"
)

// color is one named colour of the page and figures, in both themes.
type color struct{ name, light, dark string }

// palette is the only place that says what colour anything has. Variants and
// clusters take Okabe and Ito's palette (Color Universal Design, 2008), which
// stays apart for all common forms of colour blindness; on dark paper its
// members are lightened. The base is ink, so that it reads as the reference.
// q1..q9 is a ramp of one hue, so that its order survives grey printing; n5..p5
// runs from blue over paper to orange.
var palette = []color{
	{"paper", "#ffffff", "#15181d"},
	{"panel", "#f6f5f1", "#1d2128"},
	{"ink", "#1d2026", "#e9e7e2"},
	{"soft", "#5c626c", "#a4a9b2"},
	{"grid", "#e3e1da", "#30353e"},
	{"accent", "#00588c", "#79bdf0"},
	{"warn", "#8a3d00", "#ffb278"},

	{"s0", "#1d2026", "#e9e7e2"},
	{"s1", "#0072b2", "#4fa8e0"},
	{"s2", "#d55e00", "#ff8b42"},
	{"s3", "#009e73", "#2cc49a"},
	{"s4", "#b85c93", "#e59bc8"},
	{"s5", "#c88a00", "#f3be45"},
	{"s6", "#2f96cf", "#9bd6f7"},

	{"q1", "#eaf1f6", "#1c2a36"}, {"q2", "#d3e3ee", "#1f3a4e"}, {"q3", "#b3cfe3", "#224b67"},
	{"q4", "#8cb7d5", "#265d81"}, {"q5", "#629dc5", "#2f729c"}, {"q6", "#3c83b4", "#4489b4"},
	{"q7", "#1f699f", "#67a5c9"}, {"q8", "#0f4f83", "#98c6de"}, {"q9", "#083661", "#d3ebf6"},

	{"n5", "#00507f", "#8fcbf2"}, {"n4", "#2878aa", "#5ba6d6"}, {"n3", "#62a0c8", "#3d7fa9"},
	{"n2", "#9cc4de", "#2b5a79"}, {"n1", "#d3e5f0", "#223a4a"},
	{"p1", "#f8e0cd", "#45301f"}, {"p2", "#f0bd95", "#704625"}, {"p3", "#e5965a", "#a0602c"},
	{"p4", "#d06f22", "#d07d36"}, {"p5", "#9c4a00", "#ffb071"},
}

// figureCSS styles every chart, drawn here or by the page's script.
//
//go:embed assets/figure.css
var figureCSS string

// variables declares the palette for the page: light, dark where the reader's
// system asks for it, and either where the reader has chosen.
func variables() string {
	var light, dark strings.Builder
	for _, c := range palette {
		fmt.Fprintf(&light, "--%s:%s;", c.name, c.light)
		fmt.Fprintf(&dark, "--%s:%s;", c.name, c.dark)
	}
	return fmt.Sprintf(":root{color-scheme:light;%s}\n"+
		"@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;%s}}\n"+
		"@media screen{:root[data-theme=dark]{color-scheme:dark;%s}}\n", light.String(), dark.String(), dark.String())
}

// standaloneCSS is figureCSS for a file of its own, which must do without
// variables: many programs that open SVG know none.
func standaloneCSS() string {
	var pairs []string
	for _, c := range palette {
		pairs = append(pairs, "var(--"+c.name+")", c.light)
	}
	return strings.NewReplacer(pairs...).Replace(figureCSS)
}

// seriesClass is the colour and dash of variant i, 0 being the base. Six
// colours are all that stay apart, so the seventh adapter begins again, dashed.
func seriesClass(i int) string {
	if i == 0 {
		return "s0"
	}
	const colors = 6
	return fmt.Sprintf("s%d d%d", 1+(i-1)%colors, (i-1)/colors%4)
}
