/* The work of a Unit, and the gradient of a convolution's weights, by x86's AMX, whose tile registers multiply matrices
   of bf16. Sums are in fp32.

   A tile register holds 16 rows of 64 bytes. One instruction adds to 16 x 16 sums in fp32 the product of 16 x 32
   values, row by row, and 32 x 16, which lie in pairs: [16 pairs of rows][16 columns][2]. Intel 2023, "Intel 64 and
   IA-32 architectures software developer's manual", volume 1, chapter 18. */

#include "../abi.h"
#include "../sizes.h"
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILED __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,f16c,fma,amx-tile,amx-bf16")))
/* Rows of a tile, and values of fp32 in a row: 64 bytes. */
#define SIDE 16
/* Values of bf16 in a row of a tile. */
#define DEPTH 32

/* All eight tile registers have 16 rows of 64 bytes. */
TILED static void tiles_begin(void)
{
    /* Static: of a variable on the stack, gcc leaves out what the intrinsic does not tell that it reads. */
    static const struct {
        uint8_t palette, start, none[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } shape = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE}};
    _tile_loadconfig(&shape);
}

/* Whether this processor has AMX for bf16, and the kernel lets this process use it. */
static int has_tiles(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) /* amx-bf16, amx-tile */
        return 0;
    const long request = 0x1023, tile_data = 18; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA of Linux */
    return syscall(SYS_arch_prctl, request, tile_data) == 0;
}

/* m x n tiles of sums, m and n 1 or 2: tile i, j is register 2 * i + j. */
#define FOR_TILES(m, n, ACTION)                                                                                        \
    ACTION(0, 0, 0);                                                                                                   \
    if ((n) > 1)                                                                                                       \
        ACTION(1, 0, 1);                                                                                               \
    if ((m) > 1)                                                                                                       \
        ACTION(2, 1, 0);                                                                                               \
    if ((m) > 1 && (n) > 1)                                                                                            \
        ACTION(3, 1, 1);

/* Adds to m x n tiles of sums what two rows of tiles of a and two columns of tiles of b give; the strides in bytes. */
#define MULTIPLY(m, n, a, a_next, a_stride, b, b_next, b_stride)                                                       \
    do {                                                                                                               \
        _tile_loadd(4, a, a_stride);                                                                                   \
        if ((m) > 1)                                                                                                   \
            _tile_loadd(5, (a) + (a_next), a_stride);                                                                  \
        _tile_loadd(6, b, b_stride);                                                                                   \
        if ((n) > 1)                                                                                                   \
            _tile_loadd(7, (b) + (b_next), b_stride);                                                                  \
        _tile_dpbf16ps(0, 4, 6);                                                                                       \
        if ((n) > 1)                                                                                                   \
            _tile_dpbf16ps(1, 4, 7);                                                                                   \
        if ((m) > 1)                                                                                                   \
            _tile_dpbf16ps(2, 5, 6);                                                                                   \
        if ((m) > 1 && (n) > 1)                                                                                        \
            _tile_dpbf16ps(3, 5, 7);                                                                                   \
    } while (0)

/* The compiler does not know that tile instructions read memory. */
#define WRITTEN() __asm__ volatile("" ::: "memory")

/* The products of 16 * m pixels' input, `pitch` values apart, and n tiles of weights side by side, plus the bias, or
   plus what `out` holds if `bias` is NULL. */
TILED static inline __attribute__((always_inline)) void tiles_product(
    const int m, const int n, const uint16_t *const *rows, int64_t row_count, int64_t length, int64_t pitch,
    const uint16_t *weight, const float *bias, float *out, int64_t out_pitch)
{
    if (bias) {
        /* All rows of a tile are the same 64 bytes. */
#define BIAS(tile, i, j) _tile_loadd(tile, bias + (j) * SIDE, 0)
        FOR_TILES(m, n, BIAS)
#undef BIAS
    } else {
#define LOAD(tile, i, j) _tile_loadd(tile, out + (i) * SIDE * out_pitch + (j) * SIDE, 4 * out_pitch)
        FOR_TILES(m, n, LOAD)
#undef LOAD
    }
    for (int64_t r = 0; r < row_count; r++)
        for (int64_t k = 0; k < length; k += DEPTH, weight += DEPTH * SIDE * n)
            MULTIPLY(m, n, rows[r] + k, SIDE * pitch, 2 * pitch, weight, 2 * SIDE, 64 * n);
#define STORE(tile, i, j) _tile_stored(tile, out + (i) * SIDE * out_pitch + (j) * SIDE, 4 * out_pitch)
    FOR_TILES(m, n, STORE)
#undef STORE
}

/* As `multiply` in product.h, for `count` pixels rounded up to whole tiles. Inlined into all of `run`, its loops would not
   keep their addresses in registers. */
TILED static __attribute__((noinline)) void multiply_amx(int64_t vectors, int64_t count, const uint16_t *const *rows, int64_t row_count,
                               int64_t length, int64_t pitch, const uint16_t *weight, const float *bias, float *out,
                               int64_t out_pitch)
{
    const uint16_t *in[MOST_ROWS];
    WRITTEN();
    for (int64_t x = 0; x < count; x += 2 * SIDE, out += 2 * SIDE * out_pitch) {
        for (int64_t r = 0; r < row_count; r++)
            in[r] = rows[r] + x * pitch;
        int two = count - x > SIDE;
        if (vectors > 1) {
            if (two)
                tiles_product(2, 2, in, row_count, length, pitch, weight, bias, out, out_pitch);
            else
                tiles_product(1, 2, in, row_count, length, pitch, weight, bias, out, out_pitch);
        } else if (two)
            tiles_product(2, 1, in, row_count, length, pitch, weight, bias, out, out_pitch);
        else
            tiles_product(1, 1, in, row_count, length, pitch, weight, bias, out, out_pitch);
    }
    WRITTEN();
}

#define INSTRUCTIONS amx
#define TARGET TILED
#define LANES SIDE
/* 2 * 2 of the 8 tile registers hold sums. */
#define VECTORS 2
#define TILE (2 * SIDE)
#define GROUP DEPTH
#define TILES
#define LEAST_PIXELS SIDE
#define PIXELS(vectors) TILE
#define BEGIN() tiles_begin()
#define END() _tile_release()
#include "halves512.h"
#include "../set.h"

#include "amx_gradient.h"

static const Instructions set_amx = {"AMX", SIDE, 2, BFLOAT16, DEPTH, 0, run_amx, NULL, weight_gradient_amx, NULL, NULL,
                                     peak_amx};

#undef SIDE
#undef DEPTH
