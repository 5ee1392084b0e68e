package loader

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// maxReadme bounds how much of a README.md is searched, in bytes.
const maxReadme = 1 << 20

// quantisedWords match what training on a quantised base leaves behind: the list
// of settings that PEFT writes into README.md, where "load_in_4bit: False" may
// stand too, and the names of such models.
var quantisedWords = regexp.MustCompile(`(?i)load_in_[48]bit\W{1,4}true|\bnf4\b|\bbnb\b|\bqlora\b|\bbitsandbytes\b|` +
	`\bgptq\b|\bawq\b|\b4[-_ ]?bits?\b|\b8[-_ ]?bits? quanti[sz]`)

// noteQuantised warns where the adapter was trained on a quantised base: it has
// learnt to make up for that base's rounding too, and is applied to weights
// without it. adapter_config.json and README.md are the only witnesses.
func (a *Adapter) noteQuantised() error {
	found := ""
	if a.Config.quantised {
		found = adapterConfigName + " has a quantization_config"
	} else if word := quantisedWords.FindString(a.Config.BaseModel); word != "" {
		found = "its base is " + shown(a.Config.BaseModel)
	} else {
		text, err := readStart(filepath.Join(a.Dir, "README.md"), maxReadme)
		if err != nil {
			return err
		}
		if word := quantisedWords.FindString(text); word != "" {
			found = "its README.md says " + shown(word)
		}
	}
	if found != "" {
		a.warn("adapter %s was trained on a quantised base (%s), and is applied to the weights as they are here", a.Name, found)
	}
	return nil
}

// readStart reads at most limit bytes of a file; a missing file is empty.
func readStart(path string, limit int64) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", &inputError{err}
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", inputErrorf("%s: is not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return "", inputErrorf("%s: %w", path, err)
	}
	return string(data), nil
}
