def pytest_addoption(parser):
    parser.addoption("--program", help="the program signalbox")
    parser.addoption("--dice-box", help="the example that embeds it")
