/* The work of a Unit for x86's AVX-512. */

#include <immintrin.h>

#define INSTRUCTIONS avx512
#define LABEL "AVX-512"
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma")))
#define LANES 16
/* 3 * 8 of the 32 registers hold sums. */
#define VECTORS 3
#define TILE 8
#define WINOGRAD 4
#define FROM_HALVES(from) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(from)))
#define TO_HALVES(to, x)                                                                                               \
    _mm256_storeu_si256((__m256i *)(to),                                                                               \
        _mm512_cvtps_ph(_mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(65504)), _mm512_set1_ps(-65504)),                \
                        _MM_FROUND_TO_NEAREST_INT))
#include "../set.h"
