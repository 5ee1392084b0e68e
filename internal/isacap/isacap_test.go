package isacap

import "testing"

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name, value string
		bits        int
		amx         bool
	}{
		{"DNNL_MAX_CPU_ISA", "", 512, true},
		{"DNNL_MAX_CPU_ISA", "SSE41", 128, false},
		{"DNNL_MAX_CPU_ISA", "AVX", 128, false},
		{"DNNL_MAX_CPU_ISA", "AVX2", 256, false},
		{"DNNL_MAX_CPU_ISA", "avx2_vnni", 256, false},
		{"ONEDNN_MAX_CPU_ISA", "AVX2_VNNI_2", 256, false},
		{"DNNL_MAX_CPU_ISA", "AVX512_CORE", 512, false},
		{"DNNL_MAX_CPU_ISA", "AVX512_CORE_AMX", 512, true},
		{"DNNL_MAX_CPU_ISA", "DEFAULT", 512, true},
	} {
		isa := limit(func(name string) string {
			if name == c.name {
				return c.value
			}
			return ""
		})
		if bits(isa) != c.bits || amx(isa) != c.amx {
			t.Errorf("%s=%s allows %d bits, AMX %v; want %d, %v", c.name, c.value, bits(isa), amx(isa), c.bits, c.amx)
		}
	}
}
