/*
 * settings_secret.h
 *		Settings whose value nobody may see.
 */
#ifndef ERRAND_SETTINGS_SECRET_H
#define ERRAND_SETTINGS_SECRET_H

#include "postgres.h"

/*
 * For a check hook: moves the value to *extra, zeroes it in what PostgreSQL
 * keeps.  False if memory is short.  The assign hook finds it in extra.
 */
extern bool errand_secret_take(char **newval, void **extra);

/* For a show hook: stars if there is one. */
extern const char *errand_secret_shown(const char *secret);

#endif
