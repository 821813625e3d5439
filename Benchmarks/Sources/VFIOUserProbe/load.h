#ifndef LOAD_H
#define LOAD_H

// Whether a wait for memory spins, because the server has a processor of its own.
extern int spins;
void wait_a_little(void);

// Measures a server whose device is that of device.h, after a look at whether it works.
void measure_load(const char *path, long count);

// Answers messages of the sizes that are expected and does what they ask for, and nothing else: the
// baseline.
void serve_bare(const char *path);

// Measures copies by the accelerator of `passage serve`.
void measure_accelerator(const char *path, long count);

// Measures invalidations by the VT-d unit of `passage serve`.
void measure_unit(const char *path, long count);

#endif
