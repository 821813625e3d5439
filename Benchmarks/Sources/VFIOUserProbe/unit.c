#include "client.h"
#include "figures.h"
#include "load.h"

// Registers of a VT-d unit, from its specification.
enum { GLOBAL_COMMAND = 0x18, ROOT_TABLE = 0x20, QUEUE_TAIL = 0x88, QUEUE_ADDRESS = 0x90 };
enum { ROOT_PLACE = 0x1000, QUEUE_PLACE = 0x2000, STATUS_PLACE = 0x3000 };

// A page-selective invalidation and a wait, as Linux writes them; then the doorbell, posted as a VMM
// posts it, until the wait's status is there.
static void invalidate(struct client *client, uint32_t *tail, uint32_t round) {
  volatile uint32_t *status = (volatile uint32_t *)(client->memory + STATUS_PLACE);
  uint64_t descriptors[2][4] = {
      // PASID 5 of domain 1, one page.
      {6 | 3 << 4 | 1 << 16 | (uint64_t)5 << 32, 0x7f0012345000},
      {5 | 1 << 5 | (uint64_t)round << 32, MEMORY_ADDRESS + STATUS_PLACE},
  };
  for (int index = 0; index < 2; index++) {
    uint64_t *place = (uint64_t *)(client->memory + QUEUE_PLACE + *tail);
    for (int word = 0; word < 4; word++) place[word] = descriptors[index][word];
    *tail = (*tail + 32) & 0xfff;
  }
  write_region(client, 0, QUEUE_TAIL, tail, 4, 1);
  while (*status != round) wait_a_little();
}

void measure_unit(const char *path, long count) {
  struct client client = make_client();
  connect_client(&client, path);
  for (int byte = 0; byte < STATUS_PLACE + 4096; byte++) client.memory[byte] = 0;
  uint64_t queue = MEMORY_ADDRESS + QUEUE_PLACE + (1 << 11);
  uint64_t root = MEMORY_ADDRESS + ROOT_PLACE + (1 << 10);
  uint32_t queued = 1u << 26, with_root = queued | 1u << 30, translating = queued | 1u << 31;
  set_register(&client, QUEUE_ADDRESS, queue);
  write_region(&client, 0, GLOBAL_COMMAND, &queued, 4, 0);
  set_register(&client, ROOT_TABLE, root);
  write_region(&client, 0, GLOBAL_COMMAND, &with_root, 4, 0);
  write_region(&client, 0, GLOBAL_COMMAND, &translating, 4, 0);
  uint32_t tail = 0, number = 0;
  MEASURE("invalidation", count, invalidate(&client, &tail, ++number));
  close_client(&client);
}
