#!/usr/bin/env python3
"""Makes tests/golden/tokenizer/: small tokenizers and what Hugging Face's `tokenizers` says about hard text.

Run by hand, with tokenizers 0.23.3, sentencepiece 0.2.3, gguf 0.19.0 and jinja2 3.1.6 installed:

    make_tokenizer_goldens.py SmolLM2-135M-Instruct.Q4_1.gguf MINILM_MODEL_FOLDER

The small tokenizers are trained here, on this script among other texts, and committed, so that the tests need nothing
else; another run may train others. The goldens of the two whole models are compared only where the models are at hand
(HEED_CACHE).
"""
import contextlib
import json
import pathlib
import struct
import sys
import types

import gguf
import jinja2
import jinja2.sandbox
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
OUT = HERE / "tokenizer"
HARD = (HERE / "hard_text.txt").read_bytes().decode()
BYTES = (HERE / "hard_bytes.bin").read_bytes()
LINES = HARD.removesuffix("\n").split("\n")
CORPUS = [HARD, pathlib.Path(__file__).read_text()] + [
    "one two three four five six seven eight nine ten and the of to in is that it for on with as was at by",
    "There was a compiler. It read what people wrote about models, and wrote what machines can run. "] * 4

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def golden(name, tokenizer):
    """Ids with special tokens parsed and the frame on; `plain` has special tokens read as text and no frame."""
    def ids(text, **options):
        return tokenizer.encode(text, **options).ids
    whole = ids(HARD)
    result = {
        "lines": [ids(line) for line in LINES],
        "whole": whole,
        "bytes": ids(BYTES.decode(errors="replace")),
        "decoded": tokenizer.decode(whole, skip_special_tokens=False),
        "decoded_without_special": tokenizer.decode(whole, skip_special_tokens=True),
    }
    tokenizer.encode_special_tokens = True
    result["plain"] = [ids(line, add_special_tokens=False) for line in LINES]
    tokenizer.encode_special_tokens = False
    (OUT / f"{name}.golden.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


def digits_then_gpt2():
    return pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])


def byte_bpe(vocab, merges, pre_tokenizer, specials, **options):
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, **options))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in specials])
    return tokenizer


def from_gguf(path):
    """By the file's own rule: transformers' importer of GGUF forgets the digits."""
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    types = fields["tokenizer.ggml.token_type"].contents()
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    return byte_bpe({token: i for i, token in enumerate(tokens)}, merges, digits_then_gpt2(),
                    [token for token, kind in zip(tokens, types) if kind == gguf.TokenType.CONTROL])


def train_bpe(pre_tokenizer, vocab_size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=SPECIALS, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def write_gguf(path, vocab, merges):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(sorted(vocab, key=vocab.get))
    writer.add_token_types([3 if i < len(SPECIALS) else 1 for i in range(len(vocab))])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def fields(message):
    """A protocol buffer's fields of wire types 0, 2 and 5: (number, value)."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(message):
        number, wire = divmod(varint(), 8)
        if wire == 0:
            yield number, varint()
        else:
            size = varint() if wire == 2 else 4
            at += size
            yield number, message[at - size:at]


def write_sentencepiece_gguf(path, model):
    model_fields = list(fields(model.serialized_model_proto()))
    pieces = [dict(fields(value)) for number, value in model_fields if number == 1]
    trainer, normalizer = (dict(fields(next(v for n, v in model_fields if n == number))) for number in (2, 3))
    kind = {1: "t5", 2: "llama"}[trainer.get(3, 1)]
    writer = gguf.GGUFWriter(path, kind)
    writer.add_tokenizer_model(kind)
    writer.add_token_list([piece[1] for piece in pieces])
    writer.add_token_scores([struct.unpack("<f", piece[2])[0] for piece in pieces])
    writer.add_token_types([piece.get(3, 1) for piece in pieces])
    writer.add_bos_token_id(model.bos_id())
    writer.add_eos_token_id(model.eos_id())
    writer.add_unk_token_id(model.unk_id())
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(bool(normalizer.get(3, 1)))
    writer.add_remove_extra_whitespaces(bool(normalizer.get(4, 1)))
    if normalizer.get(2):
        writer.add_precompiled_charsmap(normalizer[2])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def split_bpe(pattern, vocab, merges, **options):
    return byte_bpe(vocab, merges, pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), SPECIALS, **options)


def bert(vocab, lowercase, max_length):
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)
                                  for token in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])])
    if max_length:
        tokenizer.enable_truncation(max_length)
    return tokenizer


def small_wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(
        vocab_size=900, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    return json.loads(tokenizer.to_str())["model"]["vocab"]


def chars():
    """A token a character: BPE without merges, as examples/sums has it."""
    tokens = ["[UNK]"] + list("0123456789+-*= ,.()") + list("abcdefghijklmnopqrstuvwxyzé中😀")
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[], unk_token="[UNK]"))
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


class SentencePiece:
    """SentencePiece's own library, with the part of Tokenizer's face that golden() uses."""

    def __init__(self, path):
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def encode(self, text, add_special_tokens=True):
        return types.SimpleNamespace(ids=self.model.encode(text))

    def decode(self, ids, skip_special_tokens):
        if skip_special_tokens:
            ids = [i for i in ids if i != self.model.unk_id()]
        return self.model.decode(ids).replace(" \u2047 ", "<unk>")  # it writes unknown tokens in its own way


def train_sentencepiece(name, **options):
    with contextlib.chdir(OUT):  # the model keeps the paths it is given
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(line for text in CORPUS for line in text.split("\n") if line),
            model_prefix=name, hard_vocab_limit=False, minloglevel=2, **options)
        pathlib.Path(f"{name}.vocab").unlink()
    tokenizer = SentencePiece(OUT / f"{name}.model")
    golden(name, tokenizer)
    write_sentencepiece_gguf(OUT / f"{name}.gguf", tokenizer.model)


def sentencepieces():
    rules = OUT / "rules.tsv"
    rules.write_text("".join(
        " ".join(f"{ord(c):x}" for c in key) + "\t" + " ".join(f"{ord(c):x}" for c in value) + "\n"
        for key, value in [("A\u030a", "\u00c5"), ("e\u0301", "\u00e9"), ("\u00bd", "1/2"), ("\u3000", " "),
                           ("\u00a0", " "), ("\t", " "), ("\uff01", "!"), ("\u00b2", "2"), ("\u200d", ""),
                           ("\u1e69", "s\u0323\u0307"), ("\U0001f469", "W"), ("...", "\u2026"), ("ab", "  x ")]))
    train_sentencepiece("small-unigram", model_type="unigram", vocab_size=600, normalization_rule_tsv=rules.name,
                        character_coverage=0.98)
    rules.unlink()
    train_sentencepiece("small-spbpe", model_type="bpe", vocab_size=800, byte_fallback=True,
                        normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.98)


def save(name, tokenizer):
    tokenizer.save(str(OUT / f"{name}.json"), pretty=False)
    golden(name, Tokenizer.from_file(str(OUT / f"{name}.json")))


def character_goldens():
    """What the reference says about every character, most of it by runs, [first, value].

    gpt2: 1 letter, 2 number, 4 space, for the regular expressions. bert: 0 part of a word, 1 a word of its own, 2
    between words, 3 dropped. bert_text: lower case without accents, where that is another text and not empty, but for
    Hangul.
    """
    regex = {bit: pre_tokenizers.Split(Regex(pattern), "removed")
             for bit, pattern in ((1, r"\p{L}"), (2, r"\p{N}"), (4, r"\s"))}
    lower = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=True)
    bert = normalizers.BertNormalizer(lowercase=True)
    words = pre_tokenizers.BertPreTokenizer()

    def gpt2_class(char):
        return sum(bit for bit, split in regex.items() if not split.pre_tokenize_str(char))

    def bert_class(char):
        cleaned = bert.normalize_str("x" + char + "x")
        kinds = {("xx",): 3, ("x", "x"): 2}
        pieces = tuple(piece for piece, _ in words.pre_tokenize_str(cleaned))
        if pieces in kinds:
            return kinds[pieces]
        return 1 if len(pieces) > 2 and pieces[0] == pieces[-1] == "x" else 0

    result = {"gpt2": [], "bert": [], "bert_text": []}
    for code in range(0x110000):
        surrogate = 0xd800 <= code < 0xe000
        char = chr(code)
        for name, classify in (("gpt2", gpt2_class), ("bert", bert_class)):
            value = 0 if surrogate else classify(char)
            if not result[name] or result[name][-1][1] != value:
                result[name].append([code, value])
        text = char if surrogate or 0xac00 <= code < 0xd7a4 else lower.normalize_str(char)
        if text not in ("", char):
            result["bert_text"].append([code, text])
    (OUT / "characters.golden.json").write_text(json.dumps(result, separators=(",", ":"), ensure_ascii=False) + "\n")


def chat_goldens():
    """What the templates of chat_templates/ write, rendered as transformers does."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

    def refuse(message):
        raise jinja2.exceptions.TemplateError(message)
    environment.globals["raise_exception"] = refuse
    turns = [("user", " Hello, who are you?\n"), ("assistant", "A  model.\n\n\tOf language."), ("user", "'Fine'"),
             ("assistant", " ok "), ("user", "bye")]
    systems = [[], [("system", " Be brief.\n")]]
    result = []
    for path in sorted((HERE / "chat_templates").glob("*.jinja")):
        source = path.read_text()
        template = environment.from_string(source)
        chats = []
        for system in systems:
            for count in range(1, len(turns) + 1):
                messages = [{"role": role, "content": content} for role, content in system + turns[:count]]
                try:
                    text = template.render(messages=messages, add_generation_prompt=messages[-1]["role"] == "user",
                                           bos_token="<s>", eos_token="</s>")
                except jinja2.exceptions.TemplateError:
                    text = None
                chats.append({"messages": messages, "text": text})
        result.append({"name": path.stem, "template": source, "chats": chats})
    (OUT / "chat.golden.json").write_text(json.dumps(result, indent=1) + "\n")


def main(smollm, minilm):
    OUT.mkdir(exist_ok=True)
    character_goldens()
    chat_goldens()
    golden("smollm2", from_gguf(smollm))
    vocab, merges = train_bpe(digits_then_gpt2(), 1200)
    write_gguf(OUT / "small-smollm.gguf", vocab, merges)
    golden("small-smollm", from_gguf(OUT / "small-smollm.gguf"))

    vocab, merges = train_bpe(pre_tokenizers.ByteLevel(add_prefix_space=False), 700)
    save("small-gpt2", byte_bpe(vocab, merges, pre_tokenizers.ByteLevel(add_prefix_space=True), SPECIALS))
    save("small-llama3", split_bpe(LLAMA3, vocab, merges[:-60], ignore_merges=True))
    save("small-qwen2", split_bpe(QWEN2, vocab, merges))

    vocab_file = pathlib.Path(minilm) / "vocab.txt"
    vocab = {token: i for i, token in enumerate(vocab_file.read_text().removesuffix("\n").split("\n"))}
    wheel = Tokenizer.from_file(str(pathlib.Path(minilm) / "tokenizer.json"))
    wheel.no_padding()
    wheel.enable_truncation(256)  # sentence-transformers' setting; the file says 128
    golden("minilm", wheel)

    vocab = small_wordpiece()
    (OUT / "small-vocab.txt").write_text("".join(token + "\n" for token in sorted(vocab, key=vocab.get)))
    golden("small-vocab", bert(vocab, True, 256))
    save("small-cased", bert(vocab, False, 0))
    save("chars", chars())
    sentencepieces()


if __name__ == "__main__":
    main(*sys.argv[1:])
