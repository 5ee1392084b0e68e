// oneDNN, loaded at run time. See onednn.c.
#ifndef LAYERCLUST_ONEDNN_H
#define LAYERCLUST_ONEDNN_H

// What lc_onednn_open found.
typedef struct {
	int major, minor, patch;
	int runtime; // DNNL_RUNTIME_...: 1 sequential, 2 OpenMP, 4 TBB, 8 thread pool
	int isa;     // bits of dnnl_cpu_isa_t: 0x07 AVX2, 0x20 AVX-512
} lc_onednn_info;

// lc_onednn_open loads the library of the given name; 0 if that worked.
int lc_onednn_open(const char *name, lc_onednn_info *info);

// lc_onednn_multiply writes, or adds where add is set, x (rows, cols) times
// w (n, cols) transposed to dst (rows, n), whose rows are ldd floats apart, on
// the calling thread alone. 0 if that worked.
int lc_onednn_multiply(const float *w, long n, long cols, const float *x, long rows, float *dst, long ldd, int add);

#endif
