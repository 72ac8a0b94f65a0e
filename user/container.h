/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * container.h - which container a process runs in, as the name of its cgroup tells.
 */
#ifndef CONTAINER_H
#define CONTAINER_H

/* text: of /proc/PID/cgroup.  "docker:0123456789ab", "lxc:web", to be freed; NULL: in none, or in
 * one that our own cgroup namespace does not show. */
char *container_of_cgroup(const char *text);

#endif
