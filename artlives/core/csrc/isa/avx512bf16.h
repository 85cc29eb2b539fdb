/* The work of a Unit in bf16 for x86's AVX512-BF16, which adds products of pairs to sums in fp32. */

#include <immintrin.h>

#define INSTRUCTIONS avx512bf16
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,f16c,fma")))
#define LANES 16
/* 3 * 8 of the 32 registers hold sums. */
#define VECTORS 3
#define TILE 8
#define GROUP 2
#define ADD_PRODUCT(sums, pair, pairs) _mm512_dpbf16_ps(sums, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)(pairs))
#include "halves512.h"
#include "../set.h"

static const Instructions set_avx512bf16 = {
    "AVX512-BF16", 16, 3, BFLOAT16, 2, 0, run_avx512bf16, NULL, NULL, NULL, NULL, peak_avx512bf16};
