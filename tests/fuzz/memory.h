/*
 * memory.h
 *		The server's memory and lists for targets that need them: of malloc, so
 *		that the sanitizer sees each piece.
 */
#ifndef ERRAND_TESTS_FUZZ_MEMORY_H
#define ERRAND_TESTS_FUZZ_MEMORY_H

/* Frees all that was palloc'd: the end of a memory context. */
extern void fuzz_forget(void);

#endif
