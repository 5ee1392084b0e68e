package loader

import (
	"strings"
	"testing"
)

func TestParseObjectRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {``, "unexpected end of JSON input"},
		"array":            {`[]`, "is not a JSON object"},
		"scalar":           {`3`, "is not a JSON object"},
		"cut":              {`{"a":1`, "unexpected end of JSON input"},
		"cut in a list":    {`{"a":[1`, "unexpected end of JSON input"},
		"trailing":         {`{"a":1} x`, "after its JSON object"},
		"second":           {`{}{}`, "after its JSON object"},
		"twice":            {`{"a":1,"a":1}`, `the key "a" twice`},
		"twice, escaped":   {`{"a":1,"\u0061":1}`, `the key "a" twice`},
		"twice, deep":      {`{"x":[{"a":1,"b":2,"a":3}]}`, `the key "a" twice`},
		"deep":             {deep, "nests deeper than 64"},
		"deep lists":       {`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "nests deeper than 64"},
		"NaN":              {`{"a":NaN}`, "is not valid JSON"},
		"single quotes":    {`{'a':1}`, "is not valid JSON"},
		"trailing comma":   {`{"a":1,}`, "is not valid JSON"},
		"number as a key":  {`{1:1}`, "is not valid JSON"},
		"wrong delimiters": {`{"a":[1}`, "is not valid JSON"},
	} {
		_, err := parseObject([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestParseObjectKeepsOrder(t *testing.T) {
	const text = `{"z":1,"a":{"y":[true,null,"s"],"b":2},"m":1e-05}`
	o, err := parseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := o.MarshalJSON()
	if err != nil || string(out) != text {
		t.Errorf("got %s, %v, want the text back", out, err)
	}
}
