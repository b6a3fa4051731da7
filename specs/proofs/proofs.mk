# Proofs with Frama-C. Included by the Makefile.
#
#   make proofs         what claims.txt says, goals that did not change from the committed cache
#   make proofs-full    the same, every goal anew
#   make proofs-update  the same, then writes the cache: to be committed with what changed

.PHONY: deps-proofs proofs proofs-full proofs-update
deps-proofs:
	$(Q)scripts/deps proofs
proofs: deps-proofs ## proves the contracts in src, with the committed cache
	$(Q)specs/proofs/prove
proofs-full: deps-proofs ## proves the contracts in src, every goal anew
	$(Q)specs/proofs/prove --full
proofs-update: deps-proofs ## proves the contracts in src anew and writes the cache
	$(Q)specs/proofs/prove --update

nightly: proofs-full
