// LAPACK and BLAS in float64, loaded at run time. See lapack.c.
#ifndef LAYERCLUST_LAPACK_H
#define LAYERCLUST_LAPACK_H

#include <stddef.h>
#include <stdint.h>

// A routine's arguments are Fortran's: all by address, text with its length at the end.
typedef void lc_geev(const char *jobvl, const char *jobvr, const int64_t *n, double *a, const int64_t *lda, double *wr, double *wi,
                     double *vl, const int64_t *ldvl, double *vr, const int64_t *ldvr, double *work, const int64_t *lwork,
                     int64_t *info, size_t, size_t);
typedef void lc_gesdd(const char *jobz, const int64_t *m, const int64_t *n, double *a, const int64_t *lda, double *s, double *u,
                      const int64_t *ldu, double *vt, const int64_t *ldvt, double *work, const int64_t *lwork, int64_t *iwork,
                      int64_t *info, size_t);
typedef void lc_gees(const char *jobvs, const char *sort, void *select, const int64_t *n, double *a, const int64_t *lda, int64_t *sdim,
                     double *wr, double *wi, double *vs, const int64_t *ldvs, double *work, const int64_t *lwork, int64_t *bwork,
                     int64_t *info, size_t, size_t);
typedef void lc_gemm(const char *transa, const char *transb, const int64_t *m, const int64_t *n, const int64_t *k,
                     const double *alpha, const double *a, const int64_t *lda, const double *b, const int64_t *ldb,
                     const double *beta, double *c, const int64_t *ldc, size_t, size_t);

// lc_lapack is one loaded library, read only once it is open.
typedef struct {
	lc_geev *geev;
	lc_gesdd *gesdd;
	lc_gees *gees;
	lc_gemm *gemm;
	void (*set_threads)(int); // OpenBLAS's; null elsewhere
	int parallel;             // OpenBLAS: 0 one thread, 1 its own threads, 2 OpenMP
	const char *config;       // OpenBLAS: its version and how it was built; null elsewhere
	const char *core;         // OpenBLAS: the processor that its kernels are for
	int version[3];           // LAPACK's, where the library is not OpenBLAS
} lc_lapack;

enum { LC_LAPACK_MEMORY = -1001, LC_LAPACK_TOO_LARGE = -1002 };

// lc_lapack_open loads the library of the given name; 0 if it has what is
// needed, 1 if it cannot be loaded, 2 if it lacks the routines.
int lc_lapack_open(const char *name, lc_lapack *l);

// lc_lapack_threads is how many threads a call may use from now on.
void lc_lapack_threads(const lc_lapack *l, int threads);

// lc_lapack_eigenvalues overwrites a (n, n). It returns LAPACK's info or one of
// the codes above.
int lc_lapack_eigenvalues(const lc_lapack *l, int threads, double *a, int64_t n, double *re, double *im);

// lc_lapack_schur overwrites a (n, n), by columns, with T of a = Z T Z', and z with Z.
int lc_lapack_schur(const lc_lapack *l, int threads, double *a, int64_t n, double *z);

// lc_lapack_svd overwrites a, m by n by columns, with s from the largest; u, m
// by k, and vt, k by n, by columns, where u is not null. Returns as above.
int lc_lapack_svd(const lc_lapack *l, int threads, double *a, int64_t m, int64_t n, double *s, double *u, double *vt);

// lc_lapack_multiply writes op(a) op(b), m by n by columns, to c.
void lc_lapack_multiply(const lc_lapack *l, int threads, int transa, int transb, int64_t m, int64_t n, int64_t k, const double *a,
                        int64_t lda, const double *b, int64_t ldb, double *c);

#endif
