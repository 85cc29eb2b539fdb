/* What the compiled core and its callers agree on. All arrays are dense; pictures are (rows, columns, channels).
   `artlives/core/abi.py` declares the same structures, and compares them with `artlives_abi` when it loads the core. */

#ifndef ARTLIVES_ABI_H
#define ARTLIVES_ABI_H

#include <stdint.h>

/* The types of an array's values. */
enum { FLOAT32, UINT8, FLOAT16, BFLOAT16 };

/* A convolution that gives some of the output's pixels: all of a convolution's, or one of the stride * stride phases
   of a transposed convolution. Its kernel has no stride of its own. */
typedef struct {
    int64_t row, column;   /* of its first tap in the padded input, counted from where a site begins */
    int64_t rows, columns; /* taps */
    int64_t top, left;     /* the pixel it gives in each site's square of output pixels */
    /* Of the set's `element`: [block][row][column * channels][vectors of the block][lanes]. With bf16, values of two
       channels lie in pairs: [block][row][column * channels / 2][vectors of the block][lanes][2]. Each row has zeros to
       a multiple of the set's `group`. */
    const void *weight;
} Phase;

/* One convolution with what surrounds it: what it reads, the kernel, and what it writes. A site is a position of the
   kernel: site (y, x) begins at row y * stride and column x * stride of the padded input, and gives the square of
   output pixels from (y * up, x * up) on, `up` pixels a side. */
typedef struct {
    /* It reads relu(source * scale + shift) + residual, padded. Where the gate is <= 0, the source is taken for 0. */
    const void *source, *residual, *gate; /* of `source_type`; no residual, no gate: NULL */
    int64_t source_type, source_width, channels;
    const int64_t *row_table, *column_table; /* for each row and column of the padded input, the source's; -1: zeros */
    int64_t pad_top, pad_left;               /* rows and columns of the padded input before the source's first ones */
    const float *scale, *shift;              /* per channel; NULL: 1 and 0 */
    int64_t relu;
    void *kept; /* where to write what was read, without the padding, of `source_type`, not UINT8; or NULL */
    /* It convolves. */
    int64_t stride_rows, stride_columns;
    const Phase *phases;
    int64_t phase_count;
    /* The set's `winograd`, m, where the phases have the matrices of F(m x m, 3 x 3), and the stride is m; else 0. One
       phase has all (m + 2) x (m + 2) of them, and `up` is m. Or each of four phases has (m + 1) x (m + 1) of them,
       those from `row` and `column` on, since the others are 0; and `up` is 2 * m, of which a phase gives every second
       pixel. */
    int64_t winograd;
    const float *bias; /* per output channel, padded to whole vectors */
    int64_t outputs;
    /* Columns of a kernel that lie side by side as output channels, three colours each; 0 for other kernels. */
    int64_t columns_as_channels;
    float gain, offset; /* with columns_as_channels, the output is gain * tanh(x) + offset */
    int64_t rectified;  /* whether the output is */
    /* It writes. */
    void *target; /* NULL: the totals of what would be written are wanted alone */
    int64_t target_type;
    int64_t target_top;                /* the row of the output that the target begins with */
    int64_t output_rows, output_width; /* of the whole output */
    int64_t up_rows, up_columns;
} Unit;

/* The gradient of a convolution's weights: for each tap, the input under it times the output's gradient, added up over
   all sites of all images. */
typedef struct {
    /* (images, height, width, channels) and (images, site_rows, site_columns, outputs) */
    const void *input, *gradient;
    int64_t height, width, channels, site_rows, site_columns, outputs;
    const int64_t *row_table, *column_table; /* as in a Unit */
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
    const uint8_t *photo, *painting; /* no painting before it: NULL */
    int64_t width, painting_width;   /* columns of the photo and of the painting */
    /* For each row of the photo, the painting's row at it or above it, and the share of the next one in 1/64; the same
       for columns. */
    const int64_t *row_table, *row_share, *column_table, *column_share;
    int64_t share;       /* of the painting in the mixture, in 1/64 */
    const int8_t *grain; /* (period, period) */
    int64_t period;
    uint8_t *target; /* like the photo; may be the photo itself */
} Mix;

/* The work on rows `first` to `last` of a task. It returns 0, or -1 where there is no memory. */
typedef int Work(const void *task, int64_t first, int64_t last, void *totals);

/* Some rows of a task: rows of sites of a Unit, rows of a Normalization, of a Mix or of a picture, or rows of sites of
   a WeightGradient, those of all images one after the other. */
typedef struct {
    const void *task;
    int64_t first, last;
    void *totals; /* where to write, or for a WeightGradient to add, the sums over these rows; or NULL */
} Piece;

/* Pieces of work that threads share. */
typedef struct {
    Work *work;
    const Piece *pieces;
    int64_t count;
    int64_t next;   /* the first piece that no thread has taken */
    int64_t failed; /* whether any piece found no memory */
} Job;

/* An instruction set and the work compiled for it. */
typedef struct {
    const char *name;
    int64_t lanes;   /* floats in a vector */
    int64_t vectors; /* of output channels in a block of weights, at most */
    int64_t element; /* the type of what is multiplied: FLOAT32 or BFLOAT16 */
    int64_t group;   /* values of a kernel row that are multiplied at a time: weights have zeros to a multiple of it */
    int64_t winograd; /* m of Winograd's F(m x m, 3 x 3), 2 or 4; 0: it has none */
    Work *run, *materialize, *weight_gradient, *moments, *normalize, *peak;
} Instructions;

/* Where a field lies in a structure and how many bytes it takes; of the structure itself, where `field` is "". */
typedef struct {
    const char *structure, *field;
    int64_t offset, size;
} Layout;

const Instructions *artlives_instructions(int64_t index);
const Instructions *artlives_bfloat_instructions(int64_t index);
const Layout *artlives_abi(int64_t index);
void artlives_work(Job *job);
void artlives_share(Job *job, int64_t threads);
Work artlives_mix;

#endif
