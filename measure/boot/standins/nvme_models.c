/* Gives qemu's NVMe drives the models in NVME_MODELS, separated by `|`, in the order of the drives: qemu has no option
 * for it. qemu copies its own model and pads it with memset() to 40 characters, which this library sees. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define OWN_MODEL "QEMU NVMe Ctrl"
#define MODEL_SIZE 40

static void fill(char *place, int byte, size_t size) {
  __asm__ volatile("rep stosb" : "+D"(place), "+c"(size) : "a"(byte) : "memory");
}

void *memset(void *place, int byte, size_t size) {
  const size_t own = sizeof OWN_MODEL - 1;
  static const char *next;
  fill(place, byte, size);
  if (byte == ' ' && size == MODEL_SIZE - own && !memcmp((char *)place - own, OWN_MODEL, own)) {
    char *model = (char *)place - own;
    if (!next) next = getenv("NVME_MODELS");
    fill(model, ' ', MODEL_SIZE);
    while (next && *next && *next != '|') *model++ = *next++;
    if (next && *next == '|') next++;
  }
  return place;
}
