/* Values of fp32, fp16, bf16 and uint8 in memory, one by one and in vectors. Part of set.h. */

/* fp16 without the processor's help. The exponents' biases, 127 and 15, differ by 112, so multiplying by 2^112 gives
   the value; that also makes subnormal numbers of fp16 normal ones. */
INLINE float NAME(from_half)(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, bits = (uint32_t)(h & 0x7fff) << 13;
    float x;
    memcpy(&x, &bits, 4);
    x *= 0x1p112f;
    memcpy(&bits, &x, 4);
    bits |= sign;
    memcpy(&x, &bits, 4);
    return x;
}

/* Rounded to the nearest, to the even one of two; |x| is limited to the largest number of fp16, 65504. */
INLINE uint16_t NAME(to_half)(float x)
{
    uint32_t sign, bits;
    memcpy(&sign, &x, 4);
    bits = sign & 0x7fffffff;
    float size;
    memcpy(&size, &bits, 4);
    size = size < 65504 ? size : 65504;
    size *= 0x1p-112f;
    memcpy(&bits, &size, 4);
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(bits >> 13 | (sign >> 16 & 0x8000));
}

/* bf16 is the upper half of fp32. */
INLINE float NAME(from_bfloat)(uint16_t b)
{
    uint32_t whole = (uint32_t)b << 16;
    float x;
    memcpy(&x, &whole, 4);
    return x;
}

/* Rounded to the nearest, to the even one of two. */
INLINE uint16_t NAME(to_bfloat)(float x)
{
    uint32_t whole;
    memcpy(&whole, &x, 4);
    return (uint16_t)((whole + 0x7fff + (whole >> 16 & 1)) >> 16);
}

/* One vector of an array of `type`, from value i on. */
INLINE vec NAME(load)(const void *array, const int type, int64_t i)
{
    vec x;
    if (type == FLOAT32)
        return *(const vec *)((const float *)array + i);
    if (type == BFLOAT16)
        return (vec)(__builtin_convertvector(*(const bits *)((const uint16_t *)array + i), mask) << 16);
#ifdef FROM_HALVES
    if (type == FLOAT16)
        return (vec)FROM_HALVES((const uint16_t *)array + i);
#endif
    if (type == UINT8)
        return __builtin_convertvector(*(const bytes *)((const uint8_t *)array + i), vec);
    for (int l = 0; l < LANES; l++)
        x[l] = NAME(from_half)(((const uint16_t *)array)[i + l]);
    return x;
}

/* One vector to an array of fp32, fp16 or bf16, from value i on. */
INLINE void NAME(store)(void *array, const int type, int64_t i, vec x)
{
    if (type == FLOAT32) {
        *(vec *)((float *)array + i) = x;
        return;
    }
    uint16_t *to = (uint16_t *)array + i;
#ifdef TO_BFLOATS
    if (type == BFLOAT16) {
        TO_BFLOATS(to, x);
        return;
    }
#endif
    if (type == BFLOAT16) {
        mask whole = (mask)x;
        *(bits *)to = __builtin_convertvector((whole + 0x7fff + (whole >> 16 & 1)) >> 16, bits);
        return;
    }
#ifdef TO_HALVES
    TO_HALVES(to, x);
#else
    for (int l = 0; l < LANES; l++)
        to[l] = NAME(to_half)(x[l]);
#endif
}

/* Value i of an array of `type`. */
INLINE float NAME(value)(const void *array, const int type, int64_t i)
{
    return type == FLOAT32 ? ((const float *)array)[i]
           : type == UINT8    ? (float)((const uint8_t *)array)[i]
           : type == BFLOAT16 ? NAME(from_bfloat)(((const uint16_t *)array)[i])
                              : NAME(from_half)(((const uint16_t *)array)[i]);
}

/* One value to an array of fp32, fp16 or bf16, to place i. */
INLINE void NAME(put)(void *array, const int type, int64_t i, float x)
{
    if (type == FLOAT32)
        ((float *)array)[i] = x;
    else
        ((uint16_t *)array)[i] = type == BFLOAT16 ? NAME(to_bfloat)(x) : NAME(to_half)(x);
}
