// oneDNN's float32 product, the fastest one on processors without AMX. The
// library is loaded at run time, so that the program starts without it; its
// dnnl_sgemm has the same form in versions 2 and 3.
#include "onednn.h"

#include <stdint.h>

#if defined(_WIN32)

int lc_onednn_open(const char *name, lc_onednn_info *info) { return 1; }
int lc_onednn_multiply(const float *w, long n, long cols, const float *x, long rows, float *dst, long ldd, int add) { return 1; }

#else

#include <dlfcn.h>

typedef struct {
	int major, minor, patch;
	const char *hash;
	unsigned cpu_runtime, gpu_runtime;
} version;

typedef int sgemm(char transa, char transb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                  const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

static sgemm *multiply;
static void (*set_threads)(int); // OpenMP's, for the calling thread; null where the library has none

int lc_onednn_open(const char *name, lc_onednn_info *info) {
	void *lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return 1;
	const version *(*get_version)(void) = (const version *(*)(void))dlsym(lib, "dnnl_version");
	int (*get_isa)(void) = (int (*)(void))dlsym(lib, "dnnl_get_effective_cpu_isa");
	multiply = (sgemm *)dlsym(lib, "dnnl_sgemm");
	set_threads = (void (*)(int))dlsym(lib, "omp_set_num_threads"); // looked up in its dependencies, too
	if (!get_version || !get_isa || !multiply)
		return 1;
	const version *v = get_version();
	info->major = v->major;
	info->minor = v->minor;
	info->patch = v->patch;
	info->runtime = (int)v->cpu_runtime;
	info->isa = get_isa();
	return 0;
}

int lc_onednn_multiply(const float *w, long n, long cols, const float *x, long rows, float *dst, long ldd, int add) {
	if (set_threads)
		set_threads(1); // the order of its sums must not depend on the machine's load or size
	return multiply('N', 'T', rows, n, cols, 1, x, cols, w, cols, add ? 1 : 0, dst, ldd);
}

#endif
