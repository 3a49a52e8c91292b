.PHONY: binary check

binary:
	python3 scripts/binary

check:
	python3 scripts/check
