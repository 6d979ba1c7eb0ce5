// The program `signalbox`.
#include "ops/cli/program.hpp"

int main(int argc, char** argv) { return signalbox::cli::run_program(argc, argv); }
