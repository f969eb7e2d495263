"""The README's table of numbers, made from `benchmarks/results/`. Run it to put the present numbers in."""

from __future__ import annotations

import json

from _report import RESULTS, put

SHOWN = {
    "joint": (
        ("adapter, ner_f1", "entities, strict F1"),
        ("adapter, relation_given_f1", "relations between gold entities, F1"),
        ("adapter, relation_f1", "triples from raw text, F1"),
        ("full fine-tuning, ner_f1", "entities, the whole backbone tuned"),
        ("full fine-tuning, relation_given_f1", "relations between gold entities, the whole backbone tuned"),
        ("full fine-tuning, relation_f1", "triples from raw text, the whole backbone tuned"),
    ),
    "cues": (("triples without the cues: f1", "triples from raw text, F1, without the wordings"),),
    "calibration": (
        ("entities, expected calibration error", "entity scores, expected calibration error"),
        ("relations, expected calibration error", "relation scores, expected calibration error"),
    ),
    "shipped": (
        ("ner/wnut17: f1", "`ner/wnut17`, strict F1"),
        ("ner/bc5cdr: f1", "`ner/bc5cdr`, strict F1"),
        ("intent/clinc150: accuracy", "`intent/clinc150`, accuracy in scope"),
        (
            "intent/clinc150, data_full.json#test+oos_test: oos_recall_at_p90",
            "`intent/clinc150`, out-of-scope recall at a precision of 0.9",
        ),
        ("intent/banking77: accuracy", "`intent/banking77`, accuracy"),
        ("slots/snips: slot_f1", "`slots/snips`, slots, F1"),
        ("slots/snips: intent_accuracy", "`slots/snips`, intents, accuracy"),
        ("relation/semeval2010: macro_f1", "`relation/semeval2010`, official macro F1"),
        ("all shipped adapters", "size of all shipped adapters"),
    ),
    "generation": (
        (
            "16 texts side by side, against plain generate one by one",
            "writing 16 texts side by side, against plain generate one by one",
        ),
        (
            "77 labels in context, against each label's full prompt anew",
            "77 labels in context (Banking77), against each label's full prompt anew",
        ),
    ),
    "dialogue": (
        (
            "follow-ups answered rightly, graph and documents",
            "follow-ups in written conversations, graph and documents",
        ),
        ("follow-ups answered rightly, graph alone", "the same, graph alone"),
        ("follow-ups answered rightly, documents alone", "the same, documents alone"),
        ("SGD part: tracker: joint_goal_accuracy", "SGD part: a tracker trained on 16,000 turns, joint goal accuracy"),
        ("SGD part: joint goal, tracker against the better baseline", "the same, against the better of two baselines"),
    ),
    "replies": (
        (
            "SmolLM2 with the adapter: slot error rate",
            "replies of SmolLM2 with `reply/sgd`: values left out or changed, first draft",
        ),
        (
            "the same, drawn again or a template where a value is not said: slot error rate",
            "the same as they are given: drawn again, at last a template",
        ),
        ("the same, drawn again or a template where a value is not said: BLEU", "the same, BLEU"),
        ("templates: BLEU", "replies by templates, BLEU"),
    ),
    "chinese_writing": tuple(
        (f"all kinds but continuation and translation, asked in {language}: {what}", said)
        for language, what, said in (
            ("zh", "in Chinese", "texts by Gemma 3 270M about Chinese ones that are Chinese, asked in Chinese"),
            ("en", "in Chinese", "the same, asked in English"),
            ("zh", "says the name", "those that say the name they are about, asked in Chinese"),
        )
    ),
    "kdconv": tuple(
        (f"{domain}, asked for something: {answer}", f"Chinese questions about {domain} (KdConv), {said}")
        for domain in ("films", "music", "places")
        for answer, said in (("right", "answered rightly"), ("wrong", "answered wrongly"))
    ),
    "recipes": (
        ("qa-squad: f1", "`qa/squad`, F1"),
        ("sentiment-sst2: accuracy", "sentiment (SST-2), accuracy"),
        ("slots-atis: slot_f1", "flights (ATIS), slots, F1"),
        ("slots-atis: intent_accuracy", "flights (ATIS), intents, accuracy"),
        ("ner-conll2003: f1", "newswire names (CoNLL-2003), strict F1"),
        ("relation-conll04: relation_f1, mean of 5 seeds", "newswire relations (CoNLL04), strict F1 from raw text"),
        (
            "points behind full fine-tuning, mean",
            "points that adapters lose to the whole backbone tuned, mean of the recipes trained both ways",
        ),
        ("relation-wikipedia+heads=ner+training.bf16=True: f1", "entities, an adapter for them alone, strict F1"),
        (
            "relation-wikipedia+heads=relation+training.bf16=True: f1",
            "relations between gold entities, an adapter for them alone, F1",
        ),
        ("sentiment-chnsenticorp: accuracy", "Chinese sentiment (ChnSentiCorp) on Gemma 3 270M, accuracy"),
        ("ner-resume-zh: f1", "Chinese résumés on Gemma 3 270M, top 6 layers, strict F1"),
        (
            "intent-clinc150+adapter.layers=top10+backbone=smollm2+training.lr=0.0005: accuracy",
            "intents (CLINC150) on SmolLM2, top 10 layers, accuracy",
        ),
        (
            "ner-wnut17+adapter.layers=top10+backbone=smollm2+training.bf16=True+training.lr=0.0005: f1",
            "social media names (WNUT17) on SmolLM2, top 10 layers, strict F1",
        ),
    ),
    "fewshot": (
        ("all: points of accuracy above setfit", "8 and 16 examples a label: points of accuracy above SetFit, mean"),
        ("all: time of setfit against nlpkit", "the same: SetFit's training time against ours"),
    ),
    "one_pass": (
        (
            "passages: 4 tasks, 1 adapter, against 4 merged models in sorted batches",
            "passages: four tasks on one adapter, against four merged models",
        ),
        (
            "utterances: 4 tasks, 1 adapter, against 4 merged models in sorted batches",
            "utterances: four tasks on one adapter, against four merged models",
        ),
        (
            "passages: the same against 4 plain transformers loops, 8 at once as given",
            "passages: the same against four plain transformers loops, eight texts at once",
        ),
        (
            "utterances: the same against 4 plain transformers loops, 8 at once as given",
            "utterances: the same against four plain transformers loops, eight texts at once",
        ),
        (
            "passages: 4 adapters in the top 2 of 6 layers, against 4 merged models",
            "passages: four adapters in the top two layers, against four merged models",
        ),
        (
            "16 adapters, a random one for each text, against one merged",
            "a random one of 16 adapters for each text, against one merged model for all",
        ),
        (
            "100 adapters loaded, resident memory against their files",
            "memory of 100 adapters, against their files",
        ),
        (
            "a training epoch after the first, top 2 layers, against Trainer",
            "an epoch of training in the top two layers, against Trainer",
        ),
    ),
    "zero_shot": (
        (
            "AG News: label words with descriptions, several templates, accuracy",
            "topics from label words alone, accuracy",
        ),
        ("AG News: class names, one template, cosine, accuracy", "the plain way: class names, one template"),
        ("THUCNews titles, Gemma 3 270M: accuracy", "ten Chinese topics from label words, Gemma 3 270M, accuracy"),
    ),
    "search": (
        ("recall@5, frozen embeddings", "passage among the first five, frozen embeddings"),
        ("recall@5, BM25", "passage among the first five, BM25"),
    ),
    "coreference": (
        ("test_revised: + near and shortened names: B-cubed F1", "names resolved inside documents, B-cubed F1"),
    ),
    "throughput": (("nlpkit against the plain loop", "entities and relations, against a plain transformers loop"),),
    "kgqa_metaqa": (
        ("1 hop: hits@1", "questions of 1 hop, no training, hits@1"),
        ("2 hops: hits@1", "questions of 2 hops, no training, hits@1"),
        ("3 hops: hits@1", "questions of 3 hops, no training, hits@1"),
        ("1 hop: median time", "time for a question of 1 hop, no training, median"),
    ),
    "kgqa_full": (
        ("1 hop, topic found: hits@1", "questions of 1 hop, learnt from answers alone, topic found, hits@1"),
        ("2 hops, topic found: hits@1", "questions of 2 hops, learnt from answers alone, topic found, hits@1"),
        ("3 hops, topic found: hits@1", "questions of 3 hops, learnt from answers alone, topic found, hits@1"),
        ("2 hops, topic found: median time", "time for a question of 2 hops, learnt, median"),
    ),
    "kgqa_abstention": (
        ("answered of the answerable", "questions that the graph can answer, answered"),
        ("left open of the unanswerable", "questions whose last facts were taken out, left open"),
    ),
    "kgqa_pathquestion": (
        ("PathQuestion 2H: hits@1", "PathQuestion, 2 hops, hits@1, mean of five"),
        ("PathQuestion 3H: hits@1", "PathQuestion, 3 hops, hits@1, mean of five"),
    ),
    "sample": (
        ("right", "sample questions answered rightly"),
        ("left open rightly", "sample questions rightly left open"),
        ("wrong", "sample questions answered wrongly"),
    ),
    "build_memory": (
        ("peak memory beside the graph's own size, large against small", "peak memory, 5,000 against 500 documents"),
    ),
}
"""What the README shows: file -> (row, label)."""


def table() -> str:
    """Return the table; a results file or a row that is not there is left out."""
    lines = ["| what | measured | goal | data |", "|---|---|---|---|"]
    for name, shown in SHOWN.items():
        path = RESULTS / f"{name}.json"
        if not path.is_file():
            continue
        report = json.loads(path.read_text(encoding="utf-8"))
        rows = {row["name"]: row for row in report["rows"]}
        for key, label in shown:
            if key in rows:
                row = rows[key]
                goal = "" if row["goal"] is None else number(row["goal"], row["unit"])
                lines.append(f"| {label} | {number(row['value'], row['unit'])} | {goal} | {report['data']} |")
    return "\n".join(lines) + "\n"


def number(value: float, unit: str) -> str:
    """Return a number with its unit, as few digits as tell it."""
    if unit == "share":
        return f"{100 * value:.0f} %"
    return f"{value:.3f}" if unit in ("", "fraction") else f"{value:.2f} {unit}"


def main() -> None:
    """Put the table between the README's marks."""
    put(table(), "numbers", "README.md")


if __name__ == "__main__":
    main()
