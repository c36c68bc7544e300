/*
 * fault.h
 *		Fault points: compiled into test builds only (make FAULTS=1).
 */
#ifndef ERRAND_FAULT_H
#define ERRAND_FAULT_H

#ifdef ERRAND_FAULTS
/*
 * If errand.fault names this point: error raises, pause waits until the
 * setting changes (reload), kill ends the process as SIGKILL would.
 */
extern void errand_fault_point(const char *name);
#define ERRAND_FAULT(name) errand_fault_point(name)
#else
#define ERRAND_FAULT(name) ((void) 0)
#endif

#endif
