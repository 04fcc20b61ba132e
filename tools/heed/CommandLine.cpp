//===- CommandLine.cpp - heed's flags -------------------------------------===//
//
// CLI11 throws, so this file alone is built with exceptions; nothing of LLVM is
// seen here.
//
//===----------------------------------------------------------------------===//
#include "runtime/support/NearestName.h"
#include "tools/heed/Options.h"

#include <CLI/CLI.hpp>

namespace heed {
namespace {

void addCompileFlags(CLI::App *app, Options &options, bool needsModel = true) {
  app->add_option("model", options.model, "the model file (YAML)")
      ->required(needsModel)
      ->type_name("MODEL.yaml");
  app->add_option("--target", options.target,
                  "machine to compile for: host, x86-64-v3, x86-64-v4, znver5, "
                  "graniterapids")
      ->capture_default_str();
  app->add_option("--numerics", options.numerics,
                  "arithmetic of linears and attentions")
      ->check(CLI::IsMember({"f32", "bf16", "bf16x6"}))
      ->capture_default_str();
  app->add_option("--schedule", options.schedule,
                  "file of schedules that overrides the cost model")
      ->type_name("FILE");
  app->add_option("--rates", options.rates,
                  "rates of the target's atoms that choose between them: "
                  "builtin, measured (here, kept in the cache), or a FILE\n"
                  "that heed bench --machine --json wrote")
      ->type_name("builtin|measured|FILE")
      ->capture_default_str();
  app->add_option(
         "--disable", options.disable,
         "fusion passes to leave out, by name (attn-fuse-attention,...)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("PASS");
}

} // namespace

int parseCommandLine(int argc, char **argv, Options &options) {
  CLI::App app{"heed: compiles attention models to native executables"};
  app.set_version_flag("--version", "heed 0.1.0");
  app.require_subcommand(1);
  app.footer("Examples:\n"
             "  heed build examples/sums/sums.yaml -o sums && ./sums generate "
             "\"12+30=\"\n"
             "  heed check model.yaml\n"
             "  heed ir model.yaml --stage=fused\n"
             "  heed explain model.yaml\n"
             "  heed view --mask model.yaml\n"
             "  heed verify model.yaml\n"
             "Exit codes: 0 good, 1 the input is wrong, 2 the usage is wrong, "
             "3 a fault of the machine.");

  CLI::App *build =
      app.add_subcommand("build", "compile a model to an executable");
  addCompileFlags(build, options);
  build
      ->add_option("-o,--output", options.output,
                   "what to write (default: the model's name)")
      ->type_name("OUT");
  build->add_option("--emit", options.emit, "exe or obj")
      ->check(CLI::IsMember({"exe", "obj"}))
      ->capture_default_str();
  build
      ->add_option("--weights", options.weights,
                   "embed the weights, or put them beside")
      ->check(CLI::IsMember({"embed", "beside"}))
      ->capture_default_str();
  build->add_flag("--emulate", options.emulate,
                  "a target's tiles, layouts and roundings in instructions of "
                  "x86-64-v3, slowly: to check another\nmachine's results on "
                  "this one (AMX stays)");
  build
      ->add_option("-j", options.jobs,
                   "threads that make machine code (default: all processors)")
      ->type_name("N");
  build->add_flag("--timing", options.timing, "say how long each stage took");
  build->footer("With several targets, joined by commas, the program takes the "
                "best that its CPU can run.\n"
                "Examples:\n  heed build examples/sums/sums.yaml -o sums\n"
                "  heed build model.yaml "
                "--target=x86-64-v3,x86-64-v4,graniterapids -o model");

  CLI::App *check =
      app.add_subcommand("check", "parse, resolve weights and verify; no code");
  addCompileFlags(check, options);

  CLI::App *ir = app.add_subcommand("ir", "print the IR of a stage");
  addCompileFlags(ir, options);
  ir->add_option("--stage", options.stage,
                 "model, fused, scheduled, tiled, vector, llvm or asm")
      ->check(CLI::IsMember(
          {"model", "fused", "scheduled", "tiled", "vector", "llvm", "asm"}))
      ->capture_default_str();
  ir->footer(
      "Example:\n  heed ir examples/tour/04-multi-head.yaml --stage=tiled");

  CLI::App *explain = app.add_subcommand(
      "explain", "what was fused and what was not, at the YAML line");
  addCompileFlags(explain, options);
  explain
      ->add_option("--length", options.length,
                   "positions that figures are for (default: the model's "
                   "context, or 2048)")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("N");
  explain->add_flag("--json", options.json, "as JSON");
  explain->footer("Example:\n  heed explain examples/sums/sums.yaml "
                  "--length 32768");

  CLI::App *view = app.add_subcommand(
      "view", "draw a model's masks and tiles, or what it attends to");
  addCompileFlags(view, options);
  CLI::Option_group *pictures = view->add_option_group("pictures");
  CLI::Option *mask =
      pictures->add_flag("--mask", options.mask,
                         "each mask with its tiles, empty, full and partial");
  CLI::Option *attention =
      pictures->add_flag("--attention", options.attention,
                         "the attention weights of a layer for a prompt");
  pictures->require_option(1);
  view->add_option("-o,--output", options.output,
                   "an .html or .svg file, with --attention also .npy\n"
                   "(default: MODEL-mask.html, MODEL-attention.html)")
      ->type_name("FILE");
  CLI::Option *prompt = view->add_option("--prompt", options.prompt,
                                         "the text that is attended to")
                            ->needs(attention);
  view->add_option("--file", options.promptFile,
                   "read the prompt from a file; - is the standard input")
      ->needs(attention)
      ->excludes(prompt)
      ->type_name("FILE");
  view->add_option("--layer", options.layer,
                   "number of the layer, from 0 on (default 0)")
      ->needs(attention)
      ->check(CLI::Range(0, 1 << 20))
      ->type_name("N");
  view->add_option("--head", options.head,
                   "number of the head, from 0 on (default: all heads, small)")
      ->needs(attention)
      ->check(CLI::Range(0, 1 << 20))
      ->type_name("N");
  view->add_option("--length", options.length,
                   "positions to draw (default: what shows the mask)")
      ->needs(mask)
      ->check(CLI::Range(1, 16384))
      ->type_name("N");
  view->add_option("--tile", options.tile,
                   "queries of a tile (default: the schedule's)")
      ->needs(mask)
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  view->footer("Examples:\n  heed view --mask "
               "examples/tour/07-sliding-window.yaml -o window.html\n"
               "  heed view --attention examples/sums/sums.yaml --prompt "
               "12+30= --layer 1 --head 0");
  CLI::App *verify = app.add_subcommand("verify", "the proofs, as a table");
  verify->add_option("model", options.model, "the model file (YAML)")
      ->required()
      ->type_name("MODEL.yaml");
  verify->add_flag("--json", options.json, "as JSON");
  verify
      ->add_option("--certificate", options.certificate,
                   "write what was proved, with its proofs")
      ->type_name("FILE");
  verify
      ->add_option("--check", options.checkCertificate,
                   "check a certificate against the model, by itself")
      ->type_name("FILE");
  verify->footer("Example:\n  heed verify examples/sums/sums.yaml "
                 "--certificate sums.proof\n"
                 "  heed verify examples/sums/sums.yaml --check sums.proof");

  CLI::App *bench = app.add_subcommand(
      "bench", "a kernel beside its bound, or the rates of this machine");
  addCompileFlags(bench, options, /*needsModel=*/false);
  bench->add_option("--size", options.sizes, "of an open axis (default 512)")
      ->allow_extra_args(false)
      ->type_name("NAME=N");
  bench
      ->add_option("--in", options.inputs,
                   "inputs from numpy files, in place of --size and random "
                   "numbers: masks that look at them have a bound then")
      ->allow_extra_args(false)
      ->type_name("NAME=FILE");
  bench
      ->add_option("--prompt", options.promptTokens,
                   "of a decoder: tokens of the prompt (default 512, or most "
                   "of its context)")
      ->check(CLI::Range(1, 1 << 30))
      ->type_name("N");
  bench->add_option("--threads", options.threads, "threads that compute")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  bench
      ->add_option("--rounds", options.rounds,
                   "rounds, of which the best counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  bench->add_flag("--bound", options.boundOnly,
                  "only the bound: nothing is built or run");
  bench->add_flag("--machine", options.machine,
                  "the rates of this machine: its atoms, caches and memory; "
                  "kept in the cache");
  bench->add_flag("--json", options.json, "as JSON");
  bench->footer("The model is built and run; its rate is shown as a share of "
                "this machine's multiply-add peak and of the bound\n"
                "that follows from measured rates (docs/bound.md): a call of "
                "plain tensors, a decoder's prompt and the\n"
                "token behind it, an encoder's sentences. With --rates=FILE "
                "the bound is of the machine whose table the file\n"
                "holds; --bound with a --target other than this machine takes "
                "the rates that are built in.\n"
                "Examples:\n  heed bench bench/kernels/attention-causal.yaml "
                "--size q=2048 --size kv=2048\n"
                "  heed bench examples/sums/sums.yaml --prompt 24\n"
                "  heed bench --machine --json > rates.json");

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &error) {
    return app.exit(error);
  } catch (const CLI::CallForAllHelp &error) {
    return app.exit(error);
  } catch (const CLI::CallForVersion &error) {
    return app.exit(error);
  } catch (const CLI::ParseError &error) {
    bool none = argc == 1;
    std::cerr << "heed: "
              << (none ? "a command is needed: build, check, ir, explain, "
                         "view, verify or bench"
                       : error.what());
    // An unknown command or flag is most often a slip of the fingers.
    for (int i = 1; i < argc && !none; ++i) {
      std::vector<std::string> names;
      std::string word = argv[i];
      if (i == 1)
        for (CLI::App *command : app.get_subcommands({}))
          names.push_back(command->get_name());
      else
        for (CLI::App *command : app.get_subcommands({}))
          if (command->get_name() == argv[1])
            for (const CLI::Option *option : command->get_options())
              for (const std::string &name : option->get_lnames())
                names.push_back("--" + name);
      word = word.substr(0, word.find('='));
      // The first word is not a command: that is what to say.
      if (i == 1 &&
          std::find(names.begin(), names.end(), word) == names.end() &&
          word.rfind("-", 0) != 0) {
        std::cerr << " (found `" << word << "`)";
      }
      bool known = std::find(names.begin(), names.end(), word) != names.end();
      if (known || (i > 1 && word.rfind("--", 0) != 0))
        continue;
      if (auto near = nearestName(word, names)) {
        std::cerr << "; did you mean " << *near << "?";
        break;
      }
    }
    std::cerr << "\nTry heed --help.\n";
    return 2;
  }
  options.command = app.get_subcommands().front()->get_name();
  return -1;
}

} // namespace heed
