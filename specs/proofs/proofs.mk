# Proofs with Frama-C. Included by the Makefile.
#
#   make proofs          what claims.txt says, goals that did not change from the committed cache
#   make proofs-full     the same, every goal anew
#   make proofs-update   as proofs, then adds to the cache: to be committed with what changed
#   make proofs-mutants  mistakes made on purpose in what is proved: each must be noticed

.PHONY: deps-proofs proofs proofs-full proofs-update proofs-mutants
deps-proofs:
	$(Q)scripts/deps proofs
proofs: deps-proofs ## proves the contracts in src, with the committed cache
	$(Q)specs/proofs/prove
proofs-full: deps-proofs ## proves the contracts in src, every goal anew
	$(Q)specs/proofs/prove --full
proofs-update: deps-proofs ## proves the contracts in src and writes the cache
	$(Q)specs/proofs/prove --update
proofs-mutants: deps-proofs ## makes mistakes in what is proved; the proofs must fail
	$(Q)specs/proofs/mutants

nightly: proofs-full proofs-mutants
