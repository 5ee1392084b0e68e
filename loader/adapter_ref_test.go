package loader

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// adapterFolders makes folders, with an adapter_config.json in each, and moves
// the test to where they are.
func adapterFolders(t *testing.T, dirs ...string) {
	t.Helper()
	root := t.TempDir()
	t.Chdir(root)
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir, adapterConfigName, []byte("{}"))
	}
}

func TestParseAdapterArg(t *testing.T) {
	adapterFolders(t, "v-r2", "run/checkpoint-100", "run/checkpoint-25", "run/checkpoint-3", "a@b", "a@2", "k=v", "x=y@1", "checkpoint-7")
	for _, dir := range []string{"a", "run/checkpoint-x"} { // folders that must not win or count
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, "run", "checkpoint-9", nil)
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string][]AdapterRef{
		"v-r2":                       {{"v-r2", "v-r2", 1}},
		"./v-r2/":                    {{"v-r2", "./v-r2/", 1}},
		"v-r2@0.5":                   {{"v-r2", "v-r2", 0.5}},
		"v-r2@-1":                    {{"v-r2", "v-r2", -1}},
		"v-r2@1e-3":                  {{"v-r2", "v-r2", 1e-3}},
		"mine=v-r2":                  {{"mine", "v-r2", 1}},
		"mine=v-r2@0":                {{"mine", "v-r2", 0}},
		"a@b":                        {{"a@b", "a@b", 1}},
		"a@b@3":                      {{"a@b", "a@b", 3}},
		"a@2":                        {{"a@2", "a@2", 1}},
		"k=v":                        {{"k=v", "k=v", 1}},
		"n=k=v":                      {{"n", "k=v", 1}},
		"x=y@1":                      {{"x=y@1", "x=y@1", 1}},
		"x=y@1@2":                    {{"x=y@1", "x=y@1", 2}},
		"n=m=v-r2":                   {{"n=m", "v-r2", 1}},
		"v-r2@two=v-r2":              {{"v-r2@two", "v-r2", 1}},
		"run/checkpoint-25":          {{"run@checkpoint-25", "run/checkpoint-25", 1}},
		"n=run/checkpoint-25@2":      {{"n", "run/checkpoint-25", 2}},
		"checkpoint-7":               {{filepath.Base(cwd) + "@checkpoint-7", "checkpoint-7", 1}},
		"run":                        {{"run@checkpoint-3", "run/checkpoint-3", 1}, {"run@checkpoint-25", "run/checkpoint-25", 1}, {"run@checkpoint-100", "run/checkpoint-100", 1}},
		"n=run@0.5":                  {{"n@checkpoint-3", "run/checkpoint-3", 0.5}, {"n@checkpoint-25", "run/checkpoint-25", 0.5}, {"n@checkpoint-100", "run/checkpoint-100", 0.5}},
		filepath.Join(cwd, "v-r2"):   {{"v-r2", filepath.Join(cwd, "v-r2"), 1}},
		"run/checkpoint-3/../../k=v": {{"k=v", "run/checkpoint-3/../../k=v", 1}},
	} {
		got, err := ParseAdapterArg(arg)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", arg, got, err, want)
		}
	}
}

func TestParseAdapterArgRefuses(t *testing.T) {
	adapterFolders(t, "v-r2")
	if err := os.Mkdir("empty", 0o777); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{
		"":              `there is no folder ""`,
		"absent":        `there is no folder "absent"`,
		"n=absent@2":    `there is no folder "absent@2"`,
		"v-r2@":         `the scale "" is not a finite number`,
		"v-r2@big":      `--adapter "v-r2@big": the scale "big" is not a finite number`,
		"v-r2@NaN":      `the scale "NaN" is not a finite number`,
		"v-r2@Inf":      `the scale "Inf" is not a finite number`,
		"v-r2@1e999":    `the scale "1e999" is not a finite number`,
		"n=v-r2@1,5":    `the scale "1,5" is not a finite number`,
		"=v-r2":         `the name before '=' is empty`,
		"empty":         `empty: there is neither adapter_config.json nor a checkpoint-N folder`,
		"two\nlines@ab": `there is no folder "two\nlines@ab"`,
	} {
		_, err := ParseAdapterArg(arg)
		refused(t, err, want)
	}
}

func TestCheckNames(t *testing.T) {
	good := []AdapterRef{{Name: "v-r2@checkpoint-200"}, {Name: "a+b=c_d.e"}, {Name: "..."}}
	if err := CheckNames(good); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		names []string
		want  string
	}{
		{[]string{"a", "b", "a"}, `adapters dir0 and dir2 are both named "a"; name one with NAME=DIR`},
		{[]string{"a", "A"}, `are both named "A"`},
		{[]string{"base"}, `the name "base" stands for the model without an adapter`},
		{[]string{"Base"}, `stands for the model`},
		{[]string{""}, `the name "" cannot be a file name`},
		{[]string{"."}, `cannot be a file name`},
		{[]string{".."}, `cannot be a file name`},
		{[]string{"a/b"}, `the name "a/b" cannot be a file name`},
		{[]string{`a\b`}, `cannot be a file name`},
		{[]string{"a b"}, `cannot be a file name`},
		{[]string{"a\nb"}, `cannot be a file name`},
		{[]string{"nöt"}, `cannot be a file name`},
		{[]string{strings.Repeat("n", 201)}, `is longer than 200 bytes`},
	} {
		var refs []AdapterRef
		for i, name := range c.names {
			refs = append(refs, AdapterRef{Name: name, Dir: "dir" + string(rune('0'+i))})
		}
		refused(t, CheckNames(refs), c.want)
	}
}

func TestParseVariantArg(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"tuned", "run/checkpoint-2", "run/checkpoint-10", "peft"} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		name := configName
		if dir == "peft" {
			name = adapterConfigName
		}
		writeFile(t, dir, name, []byte("{}"))
	}
	for arg, want := range map[string][]AdapterRef{
		"tuned":            {{"tuned", "tuned", 1}},
		"half=tuned@0.5":   {{"half", "tuned", 0.5}},
		"run":              {{"run@checkpoint-2", "run/checkpoint-2", 1}, {"run@checkpoint-10", "run/checkpoint-10", 1}},
		"run/checkpoint-2": {{"run@checkpoint-2", "run/checkpoint-2", 1}},
	} {
		if got, err := ParseVariantArg(arg); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", arg, got, err, want)
		}
	}
	_, err := ParseVariantArg("peft")
	refused(t, err, `--variant "peft": peft has no config.json, it is a PEFT adapter; give it with --adapter`)
	_, err = ParseAdapterArg("tuned@2")
	refused(t, err, `--adapter "tuned@2": tuned has no adapter_config.json, it is a whole model; give it with --variant`)
	_, err = ParseVariantArg("absent")
	refused(t, err, `--variant "absent": there is no folder "absent"`)
}
