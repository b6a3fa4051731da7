/* SPDX-License-Identifier: Apache-2.0 */
/* Gives the prover a file to look at: the functions are all inline. */
#include "base/num.h"
