#define _GNU_SOURCE
#include "load.h"
#include "client.h"
#include "device.h"
#include "figures.h"

#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

// What is copied, from the start of the memory to its middle; the record is its last page.
enum { COPIED_BYTES = 1 << 20, TARGET_PLACE = MEMORY_BYTES / 2, RECORD_PLACE = MEMORY_BYTES - 4096 };

enum { POSTED_WRITES = 1000 };

int spins = 0;

void wait_a_little(void) {
  if (spins) __builtin_ia32_pause();
  else sched_yield();
}

static void prepare(struct client *client) {
  set_register(client, SOURCE, MEMORY_ADDRESS);
  set_register(client, TARGET, MEMORY_ADDRESS + TARGET_PLACE);
  set_register(client, BYTE_COUNT, COPIED_BYTES);
  set_register(client, RECORD, MEMORY_ADDRESS + RECORD_PLACE);
}

static void ring(struct client *client, uint64_t doorbell) {
  write_region(client, 0, DOORBELL, &doorbell, 8, 1);
}

// Has the device copy, and waits for its record.
static void copy(struct client *client, uint64_t number) {
  volatile uint64_t *record = (volatile uint64_t *)(client->memory + RECORD_PLACE);
  uint64_t doorbell = number << 8 | COPY;
  ring(client, doorbell);
  while (*record != doorbell) wait_a_little();
}

static void copy_by_messages(struct client *client, uint64_t number) {
  ring(client, number << 8 | COPY_BY_MESSAGES);
  while (serve_dma(client) != MEMORY_ADDRESS + RECORD_PLACE) {
  }
}

static void interrupt(struct client *client, int event) {
  uint64_t count;
  ring(client, INTERRUPT);
  check(read(event, &count, 8) == 8, "eventfd");
}

// The last of posted writes is followed by a read, which comes back after all of them.
static void write_posted(struct client *client) {
  for (uint32_t value = 0; value < POSTED_WRITES; value++) {
    write_region(client, 0, SCRATCH, &value, 4, 1);
  }
  uint32_t value;
  read_region(client, 0, SCRATCH, &value, 4);
}

// Whether the server does what it is measured for.
static void try_out(struct client *client) {
  uint32_t value = 0x12345678, found = 0;
  write_region(client, 0, SCRATCH, &value, 4, 0);
  read_region(client, 0, SCRATCH, &found, 4);
  check(found == value, "a register keeps what was written");
  for (int way = 0; way < 2; way++) {
    for (int byte = 0; byte < COPIED_BYTES; byte++) client->memory[byte] = (uint8_t)(byte * 31 + way);
    (way == 0 ? copy : copy_by_messages)(client, 1 << 20 | (uint64_t)way);
    check(
        memcmp(client->memory, client->memory + TARGET_PLACE, COPIED_BYTES) == 0,
        "a copy arrives");
  }
}

void measure_load(const char *path, long count) {
  struct client client = make_client();
  connect_client(&client, path);
  prepare(&client);
  try_out(&client);
  uint32_t value = 0;
  MEASURE("read", count, read_region(&client, 0, SCRATCH, &value, 4));
  MEASURE("write", count, write_region(&client, 0, SCRATCH, &value, 4, 0));
  MEASURE("posted", count / POSTED_WRITES + 1, write_posted(&client));
  long copies = count / 50 + 1;
  uint64_t number = 1;
  MEASURE("copy", copies, copy(&client, number++));
  MEASURE("messages", copies, copy_by_messages(&client, number++));
  int event = eventfd(0, EFD_CLOEXEC);
  check(event >= 0, "eventfd");
  set_interrupt(&client, event);
  MEASURE("interrupt", count, interrupt(&client, event));
  close_client(&client);
  long connections = count / 20 + 1;
  MEASURE("connect", connections, {
    connect_client(&client, path);
    close_client(&client);
  });
}
