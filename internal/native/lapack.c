// Eigenvalues, singular values and products in float64 by whatever LAPACK the
// machine has, loaded at run time, so that the program starts without it.
//
// Fortran's integers have 32 bits in most builds and 64 in some. All arguments go
// by address, so on a little-endian machine the address of a 64-bit value that
// fits in 32 bits serves both.
#include "lapack.h"

#if defined(_WIN32) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__

int lc_lapack_open(const char *name, lc_lapack *l) { return 1; }
void lc_lapack_threads(const lc_lapack *l, int threads) {}
int lc_lapack_eigenvalues(const lc_lapack *l, int threads, double *a, int64_t n, double *re, double *im) { return 1; }
int lc_lapack_schur(const lc_lapack *l, int threads, double *a, int64_t n, double *z) { return 1; }
int lc_lapack_svd(const lc_lapack *l, int threads, double *a, int64_t m, int64_t n, double *s, double *u, double *vt) { return 1; }
void lc_lapack_multiply(const lc_lapack *l, int threads, int transa, int transb, int64_t m, int64_t n, int64_t k, const double *a,
                        int64_t lda, const double *b, int64_t ldb, double *c) {}

#else

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// names of a build's symbols: before and after that of the routine, and after
// that of a function of OpenBLAS's own. Those of SciPy's wheels differ so that
// they can share a process with others.
static const struct {
	const char *prefix, *fortran, *own;
} builds[] = {{"", "_", ""}, {"", "_64_", "64_"}, {"scipy_", "_", ""}, {"scipy_", "_64_", "64_"}};

static void *symbol(void *lib, const char *prefix, const char *name, const char *suffix) {
	char full[64];
	snprintf(full, sizeof full, "%s%s%s", prefix, name, suffix);
	return dlsym(lib, full);
}

// resolve finds the routines of a library under one build's names.
static int resolve(void *lib, int build, lc_lapack *l) {
	const char *prefix = builds[build].prefix, *fortran = builds[build].fortran, *own = builds[build].own;
	memset(l, 0, sizeof *l);
	l->geev = (lc_geev *)symbol(lib, prefix, "dgeev", fortran);
	l->gesdd = (lc_gesdd *)symbol(lib, prefix, "dgesdd", fortran);
	l->gees = (lc_gees *)symbol(lib, prefix, "dgees", fortran);
	l->gemm = (lc_gemm *)symbol(lib, prefix, "dgemm", fortran);
	if (!l->geev || !l->gesdd || !l->gees || !l->gemm)
		return 0;
	l->set_threads = (void (*)(int))symbol(lib, prefix, "openblas_set_num_threads", own);
	const char *(*text)(void) = (const char *(*)(void))symbol(lib, prefix, "openblas_get_config", own);
	l->config = text ? text() : NULL;
	text = (const char *(*)(void))symbol(lib, prefix, "openblas_get_corename", own);
	l->core = text ? text() : NULL;
	int (*parallel)(void) = (int (*)(void))symbol(lib, prefix, "openblas_get_parallel", own);
	l->parallel = parallel ? parallel() : 0;
	void (*version)(int64_t *, int64_t *, int64_t *) = (void (*)(int64_t *, int64_t *, int64_t *))symbol(lib, prefix, "ilaver", fortran);
	int64_t v[3] = {0, 0, 0};
	if (version)
		version(&v[0], &v[1], &v[2]);
	for (int i = 0; i < 3; i++)
		l->version[i] = (int)v[i];
	return 1;
}

static const char *core_variable = "OPENBLAS_CORETYPE";

// better names the kernels that this processor should have where OpenBLAS, not
// knowing a processor newer than itself, took some from before AVX; else null.
static const char *better(const char *core) {
#if defined(__x86_64__)
	static const char *old[] = {"Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Atom", "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat"};
	int is_old = 0;
	for (size_t i = 0; core && i < sizeof old / sizeof *old; i++)
		is_old |= strcasecmp(core, old[i]) == 0;
	if (!is_old || getenv(core_variable) || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return NULL;
	int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
	             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vl");
	return avx512 ? "SkylakeX" : "Haswell";
#else
	return NULL;
#endif
}

int lc_lapack_open(const char *name, lc_lapack *l) {
	void *lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return 1;
	int build = 0, count = sizeof builds / sizeof *builds;
	while (build < count && !resolve(lib, build, l))
		build++;
	if (build == count) {
		dlclose(lib);
		return 2;
	}
	const char *core = better(l->core);
	if (core) { // it chooses once, as it is loaded
		dlclose(lib);
		setenv(core_variable, core, 1);
		lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
		unsetenv(core_variable);
		if (!lib || !resolve(lib, build, l))
			return 1;
	}
	return 0;
}

void lc_lapack_threads(const lc_lapack *l, int threads) {
	if (l->set_threads)
		l->set_threads(threads);
}

// enter sets the number of threads where that belongs to the calling thread.
static void enter(const lc_lapack *l, int threads) {
	const int open_mp = 2;
	if (l->set_threads && l->parallel == open_mp)
		l->set_threads(threads);
}

// workspace is what a query asked for, in doubles; null where there is no memory.
static double *workspace(double asked, int64_t *lwork, int *failed) {
	if (asked > INT32_MAX) {
		*failed = LC_LAPACK_TOO_LARGE;
		return NULL;
	}
	*lwork = asked < 1 ? 1 : (int64_t)asked;
	double *work = malloc((size_t)*lwork * sizeof *work);
	*failed = work ? 0 : LC_LAPACK_MEMORY;
	return work;
}

int lc_lapack_eigenvalues(const lc_lapack *l, int threads, double *a, int64_t n, double *re, double *im) {
	enter(l, threads);
	int64_t one = 1, info = 0, lwork = -1;
	double asked = 0, none;
	l->geev("N", "N", &n, a, &n, re, im, &none, &one, &none, &one, &asked, &lwork, &info, 1, 1);
	if ((int32_t)info != 0)
		return (int32_t)info;
	int failed;
	double *work = workspace(asked, &lwork, &failed);
	if (failed)
		return failed;
	info = 0;
	l->geev("N", "N", &n, a, &n, re, im, &none, &one, &none, &one, work, &lwork, &info, 1, 1);
	free(work);
	return (int32_t)info;
}

int lc_lapack_schur(const lc_lapack *l, int threads, double *a, int64_t n, double *z) {
	enter(l, threads);
	int64_t info = 0, lwork = -1, none = 0;
	double asked = 0, *values = malloc((size_t)(2 * n) * sizeof *values);
	if (!values)
		return LC_LAPACK_MEMORY;
	l->gees("V", "N", NULL, &n, a, &n, &none, values, values + n, z, &n, &asked, &lwork, &none, &info, 1, 1);
	int failed = (int32_t)info;
	if (!failed) {
		double *work = workspace(asked, &lwork, &failed);
		if (work) {
			info = 0;
			l->gees("V", "N", NULL, &n, a, &n, &none, values, values + n, z, &n, work, &lwork, &none, &info, 1, 1);
			failed = (int32_t)info;
			free(work);
		}
	}
	free(values);
	return failed;
}

int lc_lapack_svd(const lc_lapack *l, int threads, double *a, int64_t m, int64_t n, double *s, double *u, double *vt) {
	enter(l, threads);
	const char *job = u ? "S" : "N";
	int64_t k = m < n ? m : n, info = 0, lwork = -1;
	double asked = 0, none;
	if (!u)
		u = vt = &none;
	int64_t *iwork = malloc((size_t)(8 * k) * sizeof *iwork);
	if (!iwork)
		return LC_LAPACK_MEMORY;
	l->gesdd(job, &m, &n, a, &m, s, u, &m, vt, &k, &asked, &lwork, iwork, &info, 1);
	int failed = (int32_t)info;
	if (!failed) {
		double *work = workspace(asked, &lwork, &failed);
		if (work) {
			info = 0;
			l->gesdd(job, &m, &n, a, &m, s, u, &m, vt, &k, work, &lwork, iwork, &info, 1);
			failed = (int32_t)info;
			free(work);
		}
	}
	free(iwork);
	return failed;
}

void lc_lapack_multiply(const lc_lapack *l, int threads, int transa, int transb, int64_t m, int64_t n, int64_t k, const double *a,
                        int64_t lda, const double *b, int64_t ldb, double *c) {
	enter(l, threads);
	double one = 1, zero = 0;
	l->gemm(transa ? "T" : "N", transb ? "T" : "N", &m, &n, &k, &one, a, &lda, b, &ldb, &zero, c, &m, 1, 1);
}

#endif
