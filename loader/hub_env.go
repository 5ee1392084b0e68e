package loader

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// hubEnv is what the environment says, in the variables of huggingface_hub.
type hubEnv struct {
	endpoint *url.URL // HF_ENDPOINT, without a slash at its end
	cache    string   // HF_HUB_CACHE, $HF_HOME/hub
	token    string   // HF_TOKEN, or the content of HF_TOKEN_PATH; "" for none
	offline  bool     // HF_HUB_OFFLINE
}

// defaultEndpoint is the hub that ids belong to where HF_ENDPOINT is not set.
const defaultEndpoint = "https://huggingface.co"

// maxTokenFile bounds the file of HF_TOKEN_PATH, in bytes; a token has about 40.
const maxTokenFile = 4096

func readHubEnv() (hubEnv, error) {
	home, err := hubHome()
	if err != nil {
		return hubEnv{}, err
	}
	env := hubEnv{cache: filepath.Join(home, "hub")}
	if cache := os.Getenv("HF_HUB_CACHE"); cache != "" {
		env.cache = expandPath(cache)
	}
	if env.cache, err = filepath.Abs(env.cache); err != nil {
		return hubEnv{}, inputErrorf("HF_HUB_CACHE: %w", err)
	}
	truth := []string{"1", "ON", "YES", "TRUE"}
	if env.offline = slices.Contains(truth, strings.ToUpper(os.Getenv("HF_HUB_OFFLINE"))); env.offline {
		return env, nil
	}
	if env.endpoint, err = hubEndpoint(); err != nil {
		return hubEnv{}, err
	}
	env.token, err = hubToken(home)
	return env, err
}

// hubHome is the folder of HF_HOME.
func hubHome() (string, error) {
	if home := os.Getenv("HF_HOME"); home != "" {
		return expandPath(home), nil
	}
	if cache := os.Getenv("XDG_CACHE_HOME"); cache != "" {
		return filepath.Join(expandPath(cache), "huggingface"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", inputErrorf("HF_HOME is not set, and there is no home folder: %w", err)
	}
	return filepath.Join(home, ".cache", "huggingface"), nil
}

// expandPath replaces a leading ~ and the variables of the environment; a name
// that is not set stays as it is written, as in Python.
func expandPath(path string) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if home, err := os.UserHomeDir(); err == nil {
			path = home + rest
		}
	}
	return os.Expand(path, func(name string) string {
		if value, ok := os.LookupEnv(name); ok {
			return value
		}
		return "$" + name
	})
}

// hubEndpoint reads HF_ENDPOINT. An address with a password in it is refused:
// addresses are shown in errors.
func hubEndpoint() (*url.URL, error) {
	text := os.Getenv("HF_ENDPOINT")
	if text == "" {
		text = defaultEndpoint
	}
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return nil, inputErrorf("HF_ENDPOINT is not an address of the form https://host[/path]")
	}
	return u, nil
}

// plainToken matches what can stand in a header.
var plainToken = regexp.MustCompile(`^[\x21-\x7e]{1,1000}$`)

// hubToken reads HF_TOKEN, or else the file that "hf auth login" writes.
func hubToken(home string) (string, error) {
	source, text := "HF_TOKEN", os.Getenv("HF_TOKEN")
	if text == "" {
		source = filepath.Join(home, "token")
		if path := os.Getenv("HF_TOKEN_PATH"); path != "" {
			source = expandPath(path)
		}
		data, err := readBounded(source, maxTokenFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		text = string(data)
	}
	token := strings.TrimSpace(text)
	if token != "" && !plainToken.MatchString(token) {
		return "", inputErrorf("%s: the token holds characters that no token has", source)
	}
	return token, nil
}
