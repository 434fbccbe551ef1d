"""A tokenizer trained on the texts of a corpus, in the files that open_clip's `get_tokenizer("local-dir:…")` reads.

A shop uses few words: one or two thousand tokens cover them, where a general vocabulary of 49,408 tokens would take up
most of a small model. Byte-level, so that no text is unknown.
"""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

PAD, START, END = "<pad>", "<start>", "<end>"


def fit(texts: Iterable[str], size: int, context_length: int) -> PreTrainedTokenizerFast:
    """Return a lower-casing byte-level BPE tokenizer of at most `size` tokens: pad is 0, start 1, end the highest id.

    The highest, because open_clip pools a causal text at the position of its highest token.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - 1,
        special_tokens=[PAD, START],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([END])
    start, end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, start), (END, end)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=START, eos_token=END, model_max_length=context_length
    )


def save(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the tokenizer's files into the folder."""
    tokenizer.save_pretrained(folder)
