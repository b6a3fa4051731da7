/* SPDX-License-Identifier: Apache-2.0 */
/* The two framings of one protocol: envelopes on a bare connection, or as bodies of HTTP. */
#ifndef WK_RPC_TRANSPORT_H
#define WK_RPC_TRANSPORT_H

/* How the text of an ERROR reply begins that is about what the peer may do; the protocol has no
 * status for it. */
#define WK_RPC_DENIED_PREFIX "denied: "

enum wk_rpc_transport { WK_RPC_TCP, WK_RPC_HTTP };

#endif
