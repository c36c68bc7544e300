/*
 * fault.h
 *		Fault points: compiled into test builds only (make FAULTS=1).
 */
#ifndef ERRAND_FAULT_H
#define ERRAND_FAULT_H

#ifdef ERRAND_FAULTS
#include <stdbool.h>
#include <stddef.h>

/*
 * If errand.fault names this point: error raises, full too (as a full disk
 * would), pause waits until the setting changes (reload), kill ends the
 * process as SIGKILL would.
 */
extern void errand_fault_point(const char *name, const char *what);
#define ERRAND_FAULT(name) errand_fault_point(name, NULL)
/* Is errand.fault just that? */
extern bool errand_fault_is(const char *name, const char *what, const char *action);
/* From now on memory runs out in this process while errand.fault is memory:PROCESS=walk, or chance. */
extern void errand_fault_memory(const char *process);
#define ERRAND_FAULT_MEMORY(process) errand_fault_memory(process)
/* The same for a library that can be told whom to ask for memory; set is its function for that. */
extern void *errand_fault_realloc(void *p, size_t size, const char *reason);
#define ERRAND_FAULT_ALLOCATOR(set) set(errand_fault_realloc)
/* How many times faster its clocks run: for errand.fault = 'name=5'; 1 if nothing is said. */
extern int errand_fault_haste(const char *name);
#define ERRAND_HASTE(name) errand_fault_haste(name)
/* A point that is meant for one thing only, named as in run:queue=kill. */
#define ERRAND_FAULT_OF(name, what) errand_fault_point(name, what)
#else
#define ERRAND_FAULT(name) ((void) 0)
#define ERRAND_FAULT_OF(name, what) ((void) 0)
#define ERRAND_FAULT_MEMORY(process) ((void) 0)
#define ERRAND_FAULT_ALLOCATOR(set) ((void) 0)
#define ERRAND_HASTE(name) 1
#endif

#endif
