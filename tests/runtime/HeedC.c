/* The C interface compiles as C, and says what went wrong. Returns the number
 * of the first check that fails, 0 for none. */
#include "runtime/heed.h"

#include <string.h>

int checkHeedC(const char *path) {
  heed_model *model;
  heed_session *session;
  heed_sampler *sampler;
  heed_tensor logits;
  heed_sampling greedy = {0, 0, 1, 0, 1, 0};
  int32_t ids[] = {3, 1, 4}, positions[] = {0, 1, 2}, slots[] = {0, 0, 0};
  int32_t last[] = {2}, next;
  heed_rows rows = {3, ids, positions, slots, NULL, 1, last};
  size_t count;

  if (heed_open("/nowhere", 1, &model) != HEED_INPUT ||
      !strstr(heed_error(), "/nowhere: no such file"))
    return 1;
  if (heed_open(path, 2, &model) || heed_session_open(model, 1, &session))
    return 2;
  if (heed_step(session, &rows) || heed_output(session, "logits", &logits))
    return 3;
  if (logits.rank != 2 || logits.shape[0] != 1 || logits.type != HEED_F32)
    return 4;
  if (heed_sampler_open(&greedy, &sampler) ||
      heed_sample(sampler, logits.data, (size_t)logits.shape[1], ids, 3,
                  &next) ||
      next != 5)
    return 5;
  positions[0] = 9;
  if (heed_step(session, &rows) != HEED_INPUT || !strstr(heed_error(), "gap"))
    return 6;
  if (heed_output(session, "hidden", &logits) != HEED_INPUT)
    return 7;
  if (heed_run(session, NULL, 0) != HEED_INPUT)
    return 8;
  if (heed_tokenize(model, "x", 1, NULL, 0, &count) != HEED_INPUT ||
      !strstr(heed_error(), "no tokenizer"))
    return 9;
  heed_sampler_close(sampler);
  heed_session_close(session);
  heed_close(model);
  return 0;
}
