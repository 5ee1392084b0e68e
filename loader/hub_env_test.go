package loader

import (
	"path/filepath"
	"strings"
	"testing"
)

// The precedence is that of constants.py and utils/_auth.py in huggingface_hub 2.4.0.
func TestHubEnv(t *testing.T) {
	type vars map[string]string
	tests := []struct {
		name     string
		set      vars
		cache    string
		token    string
		endpoint string
	}{
		{"nothing set", vars{}, "/u/.cache/huggingface/hub", "", defaultEndpoint},
		{"XDG_CACHE_HOME", vars{"XDG_CACHE_HOME": "/xdg"}, "/xdg/huggingface/hub", "", defaultEndpoint},
		{"HF_HOME wins", vars{"XDG_CACHE_HOME": "/xdg", "HF_HOME": "/hf"}, "/hf/hub", "", defaultEndpoint},
		{"HF_HUB_CACHE wins", vars{"HF_HOME": "/hf", "HF_HUB_CACHE": "/cache"}, "/cache", "", defaultEndpoint},
		{"home and variables", vars{"HF_HOME": "~/$HOME/$NO_SUCH_X"}, "/u/u/$NO_SUCH_X/hub", "", defaultEndpoint},
		{"HF_TOKEN", vars{"HF_TOKEN": " t1\n", "HF_TOKEN_PATH": "TMP/t2"}, "/u/.cache/huggingface/hub", "t1", defaultEndpoint},
		{"HF_TOKEN_PATH", vars{"HF_TOKEN_PATH": "TMP/t2", "HF_HOME": "TMP"}, "TMP/hub", "t2", defaultEndpoint},
		{"file of hf auth login", vars{"HF_HOME": "TMP"}, "TMP/hub", "t3", defaultEndpoint},
		{"HF_ENDPOINT", vars{"HF_ENDPOINT": "https://mirror.example:8443/hf/"}, "/u/.cache/huggingface/hub", "", "https://mirror.example:8443/hf"},
	}
	tmp := t.TempDir()
	writeFile(t, tmp, "t2", []byte("t2\n"))
	writeFile(t, tmp, "token", []byte("t3"))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cleanHubEnv(t)
			t.Setenv("HF_HOME", "")
			t.Setenv("HOME", "/u")
			inTmp := func(text string) string {
				if rest, ok := strings.CutPrefix(text, "TMP"); ok {
					return filepath.Join(tmp, rest)
				}
				return text
			}
			for name, value := range test.set {
				t.Setenv(name, inTmp(value))
			}
			env, err := readHubEnv()
			if err != nil {
				t.Fatal(err)
			}
			if env.cache != inTmp(test.cache) || env.token != test.token || env.endpoint.String() != test.endpoint || env.offline {
				t.Errorf("got %+v, endpoint %s", env, env.endpoint)
			}
		})
	}
}

func TestHubEnvRefused(t *testing.T) {
	cleanHubEnv(t)
	for _, endpoint := range []string{"huggingface.co", "ftp://x", "https://user:pass@x", "https://x?q=1", "https://", "http://x\n"} {
		t.Setenv("HF_ENDPOINT", endpoint)
		_, err := readHubEnv()
		refused(t, err, "HF_ENDPOINT is not an address")
	}
	t.Setenv("HF_ENDPOINT", "")
	t.Setenv("HF_TOKEN_PATH", writeFile(t, t.TempDir(), "big", make([]byte, maxTokenFile+1)))
	_, err := readHubEnv()
	refused(t, err, "more than the 4096 allowed")
	for _, offline := range []string{"1", "on", "Yes", "TRUE"} {
		t.Setenv("HF_HUB_OFFLINE", offline)
		if env, err := readHubEnv(); err != nil || !env.offline {
			t.Errorf("HF_HUB_OFFLINE=%s: %+v, %v", offline, env, err)
		}
	}
}
