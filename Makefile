# Two commands do all the set-up on a machine that has Python, make and the package registry:
#   make demo    score embedded real images against four sample sets, and write a report
#   make test    run the test suite
# Two more try the papers' claims again (docs/papers.md); they need the data packs in ../shared/data:
#   make papers-train    every training run that the claims need; hours on a CPU, goes on where it was stopped
#   make papers          the claims, from those runs; five minutes on 2 cores
#   make leaderboards    benchmarks/leaderboards/*.md from the records there; pages in runs/boards/
# With GPU=1 the first two are of models trained as long as the papers did: runs in runs/full, benchmarks/results/full,
# docs/papers-full.md. A finished run that was brought to runs/full from elsewhere is not trained again.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

.PHONY: demo test lint papers papers-train leaderboards clean

LENGTH := $(if $(GPU),paper,quick)

unexport PYTHONDONTWRITEBYTECODE  # compiled files are kept: the next run starts sooner

demo: $(READY)
	$(BIN)/genmetrics demo --out demo-report

test: $(READY)
	$(BIN)/pytest --numprocesses auto --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

ifndef GPU
papers-train: export OMP_NUM_THREADS := 1
endif
papers-train papers: export GENMETRICS_LENGTH := $(LENGTH)
papers-train: $(READY)
	for script in mnist_models mnist_acgan acgan_resolutions acgan_classes mnist_sgan mnist_modnet mnist_modnet_augment \
	    introvae_faces; do $(BIN)/python benchmarks/$$script.py || exit 1; done
	$(BIN)/python benchmarks/mnist_modnet.py --literal
	$(BIN)/python -m reference_models train gan-10 --preset $(LENGTH) --dataset ../shared/data/mnist_train.npz \
	    --test-set ../shared/data/mnist_test.npz --out runs/$(if $(GPU),full/)mnist/gan-10-0 --seed 0 \
	    --device $(if $(GPU),auto,cpu) --resume
	$(BIN)/python benchmarks/mnist_board.py
	set -e; for name in modes corruptions embeddings parzen; do for data in mnist cifar10; do \
	    $(BIN)/python benchmarks/thesis/density.py $$name --data $$data; done; done
	set -e; for name in corruptions embeddings; do $(BIN)/python benchmarks/thesis/density.py $$name --data imagenet; done
	$(BIN)/python benchmarks/thesis/density.py layers --data cifar10
	$(BIN)/python benchmarks/thesis/density.py ais

papers: $(READY)
	$(BIN)/python benchmarks/papers/page.py --measure

leaderboards: $(READY)
	mkdir -p runs/boards
	for board in $(notdir $(patsubst %/,%,$(wildcard benchmarks/leaderboards/*/))); do rm -f runs/boards/$$board.sqlite; \
	    $(BIN)/genmetrics leaderboard add benchmarks/leaderboards/$$board/*.json --board runs/boards/$$board.sqlite && \
	    $(BIN)/genmetrics leaderboard build --board runs/boards/$$board.sqlite --out runs/boards/$$board && \
	    cp runs/boards/$$board/leaderboard.md benchmarks/leaderboards/$$board.md || exit 1; done

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev,cpu]"
	touch $@

clean:
	rm -rf $(VENV) demo-report
