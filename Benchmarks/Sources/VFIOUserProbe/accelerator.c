#include "client.h"
#include "figures.h"
#include "load.h"

#include <stdlib.h>
#include <string.h>

// Registers of the accelerator, and regions, from its specification.
enum {
  REGISTERS = 0,
  PORTALS = 2,
  CONFIG = 7,
  COMMAND = 0xa0,
  COMMAND_STATUS = 0xa8,
  GROUP_QUEUES = 0x300,
  GROUP_ENGINES = 0x320,
  QUEUE = 0x400,
};

// Source, target and record, each in a place of its own.
enum { SOURCE_PLACE = 0, TARGET_PLACE = 16 << 20, RECORD_PLACE = 32 << 20 };

static void put(struct client *client, uint64_t offset, uint32_t value) {
  write_region(client, REGISTERS, offset, &value, 4, 0);
}

static void command(struct client *client, uint32_t value) {
  uint32_t status = 1u << 31;
  put(client, COMMAND, value);
  while (status >> 31) read_region(client, REGISTERS, COMMAND_STATUS, &status, 4);
  if ((status & 0xff) == 0) return;
  fprintf(stderr, "command %#x: status %#x\n", value, status);
  exit(1);
}

static void copy(struct client *client, uint32_t count) {
  volatile uint64_t *record = (volatile uint64_t *)(client->memory + RECORD_PLACE);
  // A move with a completion record.
  uint64_t descriptor[8] = {
      (uint64_t)0xc << 32 | (uint64_t)3 << 56, MEMORY_ADDRESS + RECORD_PLACE,
      MEMORY_ADDRESS + SOURCE_PLACE, MEMORY_ADDRESS + TARGET_PLACE, count};
  *record = 0;
  write_region(client, PORTALS, 0, descriptor, 64, 1);
  while ((*record & 0xff) == 0) wait_a_little();
  if ((*record & 0xff) == 1) return;
  fprintf(stderr, "a copy ended with %#lx\n", (unsigned long)*record);
  exit(1);
}

void measure_accelerator(const char *path, long count) {
  struct client client = make_client();
  connect_client(&client, path);
  // Memory decode and bus mastering.
  uint16_t controls = 6;
  write_region(&client, CONFIG, 4, &controls, 2, 0);
  // One dedicated queue, in a group with every engine.
  uint32_t queue[4] = {16, 8, 1u | 1u << 4, 31 | 10 << 5};
  for (int word = 0; word < 4; word++) put(&client, QUEUE + 4 * word, queue[word]);
  put(&client, GROUP_QUEUES, 1);
  put(&client, GROUP_ENGINES, 0xf);
  command(&client, 1 << 20);
  command(&client, 6 << 20);
  for (int byte = 0; byte < 1 << 20; byte++) client.memory[byte] = (uint8_t)(byte * 31);
  copy(&client, 1 << 20);
  check(
      memcmp(client.memory + SOURCE_PLACE, client.memory + TARGET_PLACE, 1 << 20) == 0,
      "a copy arrives");
  uint32_t value;
  MEASURE("register", count, read_region(&client, REGISTERS, COMMAND_STATUS, &value, 4));
  MEASURE("small", count, copy(&client, 4096));
  MEASURE("large", count / 20 + 1, copy(&client, 1 << 20));
  close_client(&client);
}
