/*
 * page.h
 *		The dashboard's files, as the relay serves them: each gzipped, in memory.
 *
 * page_data.c is made from dashboard/ by the build.
 */
#ifndef ERRAND_RELAY_PAGE_H
#define ERRAND_RELAY_PAGE_H

typedef struct RelayAsset
{
	const char *path; /* as asked for, beginning with a slash; "/" is the page itself */
	const char *type; /* its content type */
	const unsigned char *gz;
	unsigned len;
	const char *etag; /* with its quotes */
} RelayAsset;

extern const RelayAsset relay_assets[];
extern const int relay_assets_n;

#endif
