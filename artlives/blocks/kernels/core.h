/* What the compiled core and those who call it agree on. All arrays are dense; pictures are (rows, columns, channels).
   `compiled.py` declares the same structures. */

#include <stdint.h>

enum { FLOAT32, UINT8, FLOAT16, BFLOAT16, NOTHING }; /* types of an array; NOTHING is not written */

/* A convolution that gives some of the output's pixels: all of a convolution's, or one of the stride * stride phases
   of a transposed convolution. Its kernel has no stride of its own. */
typedef struct {
    int64_t row, column;   /* of its first tap in the padded input, from where a step begins */
    int64_t rows, columns; /* taps */
    int64_t top, left;     /* the pixel it gives in each step's square of output pixels */
    const void *weight;    /* fp32, [block][row][column * channels][vectors of the block][LANES]; see tiles.h for bf16 */
} Phase;

/* One unit of a network: what it reads, the convolution, and what it writes. */
typedef struct {
    /* Read: relu(source * scale + shift) + residual, with the margins of the padding. */
    const void *source, *residual; /* of `type`; no residual: NULL */
    int64_t type, width, channels;
    const int64_t *row_of, *column_of; /* of each row and column of the padded input, that of the source; -1: zeros */
    int64_t margin_top, margin_left;   /* of the padded input */
    const float *scale, *shift;        /* per channel; NULL: 1 and 0 */
    int64_t relu;
    float *sum; /* where to keep what was read, without margins; or NULL */
    /* Convolve: step (y, x) begins at row y * stride and column x * stride of the padded input. */
    int64_t stride_rows, stride_columns;
    const Phase *phases;
    int64_t phase_count;
    int64_t winograd;  /* whether the one phase has the sixteen matrices of F(2 x 2, 3 x 3); then stride and up are 2 */
    const float *bias; /* per output channel, padded to whole vectors */
    int64_t outputs;
    int64_t fold; /* columns of the kernel, if they lie side by side among the outputs, which are three colours each; else 0 */
    float gain, offset; /* of a folded output: gain * tanh(x) + offset */
    /* Write: step (y, x) gives the pixels of the square (y * up, x * up) to (y * up + up, x * up + up). */
    void *target;
    int64_t target_type, target_top, target_rows, target_width; /* its first row, and its size without that */
    int64_t up_rows, up_columns;
} Unit;

/* The gradient of a convolution's weights: for each tap, the input under it times the output's gradient, added up over
   all steps of all images. */
typedef struct {
    const void *input, *gradient; /* (images, height, width, channels) and (images, steps_height, steps_width, outputs) */
    int64_t height, width, channels, steps_height, steps_width, outputs;
    const int64_t *row_of, *column_of; /* as in a Unit */
    int64_t stride_rows, stride_columns, kernel_rows, kernel_columns;
} WeightGradient;

/* One image's part in an instance normalization, or in its gradient. With d = x - centre, it is
   d * scale + shift + other * factor, where d * mask_scale + mask_shift > 0; elsewhere there is no `other`. */
typedef struct {
    const void *x, *other; /* (rows, width, channels); no other: NULL */
    void *target;
    int64_t type, width, channels; /* the type, FLOAT32 or BFLOAT16, of all three */
    const float *centre, *scale, *shift, *factor; /* per channel */
    int64_t relu;                                 /* whether the target is rectified */
    const float *mask_scale, *mask_shift;         /* NULL: `other` counts everywhere */
} Normalization;

/* What a pass of the network paints; see `mix.c`. Pictures are (rows, columns, 3) of uint8. */
typedef struct {
    const uint8_t *photo, *painting;          /* no painting before it: NULL */
    int64_t width, painting_width;            /* columns of the photo and of the painting */
    const int64_t *row_of, *row_part;         /* of each row of the photo, the painting's at it or above it, and the */
    const int64_t *column_of, *column_part;   /* share of the next one in 1/64; the same for columns */
    int64_t share;                            /* of the painting in the mixture, in 1/64 */
    const int8_t *grain;                      /* (period, period) */
    int64_t period;
    uint8_t *target;                          /* like the photo; may be the photo itself */
} Mix;

/* Some rows of a Unit, a Normalization or a Mix, or some rows of steps of a WeightGradient, those of all images one
   after the other, and where to put what it adds up. */
typedef struct {
    const void *what;
    int64_t first, last;
    void *sums;
} Piece;

/* Pieces of work that threads share. */
typedef struct {
    int (*run)(const void *, int64_t, int64_t, void *);
    const Piece *pieces;
    int64_t count, next, failed;
} Job;
