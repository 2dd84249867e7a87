import logging, sys, time, dataclasses
logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s'); logging.getLogger('EMA').setLevel(logging.WARNING)
from econsim.brief import shipped
if __name__=='__main__':
    shipped.build('/tmp/studies', tuple(sys.argv[1:]))
