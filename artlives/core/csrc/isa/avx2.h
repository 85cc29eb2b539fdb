/* The work of a Unit for x86's AVX2. No processor has AVX2 without F16C. */

#include <immintrin.h>

#define INSTRUCTIONS avx2
#define LABEL "AVX2"
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define LANES 8
/* 3 * 4 of the 16 registers hold sums. */
#define VECTORS 3
#define TILE 4
#define WINOGRAD 4
#define FROM_HALVES(from) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from)))
#define TO_HALVES(to, x)                                                                                               \
    _mm_storeu_si128((__m128i *)(to),                                                                                  \
        _mm256_cvtps_ph(_mm256_max_ps(_mm256_min_ps(x, _mm256_set1_ps(65504)), _mm256_set1_ps(-65504)),                \
                        _MM_FROUND_TO_NEAREST_INT))
#include "../set.h"
