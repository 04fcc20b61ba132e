/*===- heed.h - A compiled model from C -----------------------------------===//
 *
 *   heed_model *model;
 *   heed_session *session;
 *   if (heed_open("model", 0, &model) || heed_session_open(model, 1, &session))
 *     puts(heed_error());
 *   int32_t ids[] = {3, 1, 4}, positions[] = {0, 1, 2};
 *   int32_t slots[] = {0, 0, 0}, last[] = {2};
 *   heed_rows rows = {3, ids, positions, slots, NULL, 1, last};
 *   heed_tensor logits;
 *   if (heed_step(session, &rows) || heed_output(session, "logits", &logits))
 *     puts(heed_error());
 *
 * Every function that can fail returns a code and leaves a line of text for
 * heed_error(). Nothing here prints or ends the process. A model may be used by
 * any number of threads at once, a session by one at a time.
 *
 *===--------------------------------------------------------------------===*/
#ifndef HEED_H
#define HEED_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum heed_code {
  HEED_GOOD = 0,
  HEED_INPUT = 1,   /* what was given is wrong */
  HEED_MACHINE = 3, /* a fault of the machine: CPU, memory, disk */
} heed_code;

typedef struct heed_model heed_model;
typedef struct heed_session heed_session;
typedef struct heed_sampler heed_sampler;

typedef enum heed_type {
  HEED_F32,
  HEED_F64,
  HEED_F16,
  HEED_BF16,
  HEED_I32,
  HEED_I64,
  HEED_BOOL
} heed_type;

/* The longest shape. */
enum { HEED_MAX_RANK = 8 };

/* A tensor, row-major. */
typedef struct heed_tensor {
  const char *name;
  heed_type type;
  int rank;
  int64_t shape[HEED_MAX_RANK];
  const void *data;
} heed_tensor;

/* Rows of one step, token-major: row i is token tokens[i] at positions[i] of
 * the sequence in cache slot sequences[i]. The rows of a sequence stand
 * together, positions count up by one; a sequence stands once. */
typedef struct heed_rows {
  size_t count;
  const int32_t *tokens, *positions, *sequences;
  const int32_t *token_types; /* NULL: all 0 */
  size_t wanted_count;
  const int32_t *wanted; /* rows whose outputs are wanted, ascending */
} heed_rows;

/* What went wrong last in this thread. */
const char *heed_error(void);

/* Opens the model in the file `path`; NULL is the running executable. threads
 * 0: as many as there are CPUs. */
heed_code heed_open(const char *path, unsigned threads, heed_model **model);
/* After its sessions are closed. */
void heed_close(heed_model *model);

/* Sessions of a model share its weights. `slots` sequences can be held at once.
 */
heed_code heed_session_open(heed_model *model, unsigned slots,
                            heed_session **session);
void heed_session_close(heed_session *session);

/* Runs rows of a model of tokens; a step may go back in a slot, never leave a
 * gap. Where a model's first tokens see each other, they go in one step, and no
 * later step begins among them. */
heed_code heed_step(heed_session *session, const heed_rows *rows);
/* Runs a model of plain tensors. */
heed_code heed_run(heed_session *session, const heed_tensor *inputs,
                   size_t count);
/* An output of the last call, good until the next. */
heed_code heed_output(const heed_session *session, const char *name,
                      heed_tensor *output);

/* Text to ids and back; give NULL and 0 to learn the count. `ids` (`text`) gets
 * at most `room`, *count is how many there are. Text is not ended by a zero. */
heed_code heed_tokenize(const heed_model *model, const char *text,
                        size_t length, int32_t *ids, size_t room,
                        size_t *count);
heed_code heed_detokenize(const heed_model *model, const int32_t *ids,
                          size_t id_count, char *text, size_t room,
                          size_t *count);

/* temperature 0 takes the likeliest token; top_k 0, top_p 1, min_p 0,
 * repeat_penalty 1 do nothing. */
typedef struct heed_sampling {
  double temperature;
  uint32_t top_k;
  double top_p, min_p, repeat_penalty;
  uint64_t seed;
} heed_sampling;

heed_code heed_sampler_open(const heed_sampling *how, heed_sampler **sampler);
void heed_sampler_close(heed_sampler *sampler);
/* Draws a token; `history` is what the repetition penalty looks at. */
heed_code heed_sample(heed_sampler *sampler, const float *logits, size_t count,
                      const int32_t *history, size_t history_count,
                      int32_t *id);

#ifdef __cplusplus
}
#endif
#endif
