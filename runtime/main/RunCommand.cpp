//===- RunCommand.cpp - OUT run -------------------------------------------===//
#include "runtime/main/Command.h"
#include "runtime/main/InputFiles.h"
#include "runtime/main/RunTokens.h"
#include "runtime/support/Text.h"

using namespace heed;

static Status writeOutput(const std::string &path, const OutputRef &output) {
  uint64_t count = elementCount(output.shape).value_or(0);
  switch (output.info->type) {
  case ElementType::I32:
    return writeNpy(path, output.shape,
                    {static_cast<const int32_t *>(output.data), count});
  case ElementType::I64:
    return writeNpy(path, output.shape,
                    {static_cast<const int64_t *>(output.data), count});
  case ElementType::F32:
    return writeNpy(path, output.shape,
                    {static_cast<const float *>(output.data), count});
  default: {
    std::vector<float> values(count);
    Bytes bytes(static_cast<const uint8_t *>(output.data),
                count * blockBytes(output.info->type));
    if (Status decoded =
            decodeToF32(output.info->type, bytes, count, values.data());
        !decoded)
      return decoded;
    return writeNpy(path, output.shape, std::span<const float>(values));
  }
  }
}

static int runTensors(CommandContext &context, Model &model,
                      const std::vector<NamedFile> &ins,
                      const std::vector<NamedFile> &outs) {
  Result<InputFiles> inputs = InputFiles::read(model.info(), ins);
  if (!inputs)
    return context.fail(inputs.error());
  for (const NamedFile &out : outs)
    if (!model.outputNamed(out.name)) {
      std::string known;
      for (const ArgInfo &arg : model.info().args)
        if (arg.kind == ArgKind::Output)
          known += (known.empty() ? "" : ", ") + arg.name;
      return context.fail(
          Error{concat("the model has no output ", inQuotes(out.name),
                       "; its outputs are ", known)});
    }
  Result<std::unique_ptr<Session>> session = Session::create(model);
  if (!session)
    return context.fail(session.error());
  if (Status done = (*session)->run(inputs->tensors()); !done)
    return context.fail(done.error());
  for (const NamedFile &out : outs)
    if (Status written = writeOutput(out.path, (*session)->output(out.name));
        !written)
      return context.fail(written.error());
  return ExitGood;
}

static int runIds(CommandContext &context, Model &model,
                  const std::vector<NamedFile> &outs) {
  const Arguments &arguments = context.arguments;
  std::optional<std::string> ids = arguments.text("--ids"),
                             mask = arguments.text("--attention-mask"),
                             types = arguments.text("--token-types");
  if (!ids)
    return context.failUsage("this is a model of tokens: run needs --ids "
                             "ids.npy");
  if (arguments.has("--encoder-ids"))
    return context.fail(Error{"this model has no encoder beside its decoder: "
                              "--encoder-ids has no place"});
  Result<TokenArrays> arrays =
      readTokenArrays(*ids, mask ? &*mask : nullptr, types ? &*types : nullptr);
  if (!arrays)
    return context.fail(arrays.error());
  std::vector<std::string> names;
  for (const NamedFile &out : outs)
    names.push_back(out.name);
  Result<std::vector<BatchOutput>> outputs = runTokens(model, *arrays, names);
  if (!outputs)
    return context.fail(outputs.error());
  for (size_t i = 0; i < outs.size(); ++i)
    if (Status written = writeNpy(outs[i].path, (*outputs)[i].shape,
                                  std::span<const float>((*outputs)[i].values));
        !written)
      return context.fail(written.error());
  return ExitGood;
}

static int run(CommandContext &context) {
  const Arguments &arguments = context.arguments;
  if (!arguments.operands().empty())
    return context.failUsage(concat("run takes no operands, found ",
                                    inQuotes(arguments.operands()[0])));
  Result<std::vector<NamedFile>> ins =
      parseNamedFiles("--in", arguments.all("--in"));
  if (!ins)
    return context.failUsage(ins.error().text);
  Result<std::vector<NamedFile>> outs =
      parseNamedFiles("--out", arguments.all("--out"));
  if (!outs)
    return context.failUsage(outs.error().text);
  if (outs->empty())
    return context.failUsage("run needs --out NAME=file.npy");
  int exit = ExitGood;
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return exit;
  bool tensors = model->info().kind == ModelKind::Tensors;
  if (tensors && arguments.has("--ids"))
    return context.fail(Error{"this is a model of plain tensors: give it --in "
                              "NAME=file.npy, not --ids"});
  if (!tensors && !ins->empty())
    return context.fail(Error{"this is a model of tokens: give it --ids "
                              "ids.npy, not --in"});
  return tensors ? runTensors(context, *model, *ins, *outs)
                 : runIds(context, *model, *outs);
}

static constexpr Flag flags[] = {
    {"--in", "NAME=FILE.npy", "an input tensor; may stand several times"},
    {"--out", "NAME=FILE.npy", "where to write an output; several times"},
    {"--ids", "FILE.npy", "token ids, int64 [batch, n]"},
    {"--attention-mask", "FILE.npy", "int64 [batch, n]: 0 marks padding"},
    {"--token-types", "FILE.npy", "int64 [batch, n]"},
    {"--encoder-ids", "FILE.npy", "int64 [batch, n], of an encoder's input"},
};

const Command heed::runCommand = {
    "run",
    "--in NAME=FILE.npy... | --ids FILE.npy  --out NAME=FILE.npy...",
    "numpy arrays in, numpy arrays out",
    flags,
    "Outputs are float32: of ids [batch, n] they are [batch, n, ...], or "
    "[batch, ...] where the model\ngives one row for a sequence; rows of "
    "padding are zeros. info lists the names.\n\n"
    "examples:\n"
    "  OUT run --in q=q.npy --in k=k.npy --in v=v.npy --out out=out.npy\n"
    "  OUT run --ids ids.npy --attention-mask mask.npy --out "
    "logits=logits.npy\n",
    run};
